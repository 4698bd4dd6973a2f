package grade

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// builtBefore, in the environment, is a program for TestWithoutRoot, which runs in a process of an ordinary user's then.
const builtBefore = "TEREM_TEST_BUILT"

// TestWithoutRoot has hostile programs run as by an ordinary user, who can make no control group. What each process takes is bounded all the same.
func TestWithoutRoot(t *testing.T) {
	if built := os.Getenv(builtBefore); built != "" {
		unprivileged(t, built)
		return
	}
	needContainer(t)
	e := find(t, 1)
	dir, shared := started(t, e), reachable(t)
	put(t, dir, "realmode.go", attack(`"os" "runtime" "syscall" "time" "unsafe"`, attacks))
	built := filepath.Join(shared, "exercise")
	if err := Build(t.Context(), e, dir, built); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(shared, "test")
	if err := copyFile(os.Args[0], own); err != nil {
		t.Fatal(err)
	}
	const nobody = 65534
	c := exec.CommandContext(t.Context(), own, "-test.run", "^TestWithoutRoot$", "-test.v")
	c.Dir, c.Env = shared, []string{all + "=" + os.Getenv(all), builtBefore + "=" + built, "TMPDIR=" + shared, "PATH=/bin:/usr/bin"}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}, Pdeathsig: syscall.SIGKILL}
	out, err := c.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if strings.Contains(string(out), "--- SKIP") {
		t.Skip(string(out))
	}
	left, err := filepath.Glob(filepath.Join(shared, "terem-lab-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, error %v", left, err)
	}
}

// reachable is a directory that everybody may write to.
func reachable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "terem-grade-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	const everybody = 0o777
	if err := os.Chmod(dir, everybody); err != nil {
		t.Fatal(err)
	}
	return dir
}

func unprivileged(t *testing.T, built string) {
	const short, ample = 3 * time.Second, time.Minute
	e := find(t, 1)
	for _, tt := range []struct {
		name        string
		limit       time.Duration
		seen, cause string
	}{
		{"exits at once", 0, "ended with status 0", "exited by itself"},
		{"loops", short, "no answer in 3s", "loops or waits"},
		{"fills memory", 0, "more than 512 MiB of memory", "takes memory"},
		{"fills the disk", 0, "StartState says not written yet", "StartState"}, // it gets no more than 64 MiB, and returns
		{"forks", short, "no answer in 3s", "loops or waits"},
		{"prints", 0, "more than 1 MiB of output", "counts for nothing"},
		{"forges an answer", 0, "bytes on the grader's socket", "writes to descriptor 0"},
	} {
		if os.Getenv(all) == "" && tt.limit == short && tt.name != "forks" {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			r, err := Built(t.Context(), e, built, Options{Seed: seed, NoKVM: true, Limit: cmp.Or(tt.limit, ample), args: []string{tt.name}})
			if err != nil {
				t.Fatal(err)
			}
			if r.Checks[0].State == NotRun {
				t.Skip(fmt.Sprint(r.Notes)) // this host lets no ordinary user make namespaces
			}
			w := r.Checks[0].Wrong
			if r.Points != 0 || w == nil || !strings.Contains(w.Seen, tt.seen) || !strings.Contains(w.Cause, tt.cause) {
				t.Errorf("want %q and %q of\n%s", tt.seen, tt.cause, text(t, r))
			}
		})
	}
}
