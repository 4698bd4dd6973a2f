package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"

	"terem/internal/fault"

	"github.com/opencontainers/cgroups"
	"golang.org/x/sys/unix"
)

// probe is the program of testdata/probe, or why it could not be built.
var probe struct {
	path string
	err  error
}

// TestMain makes the test's own file the first stage, and the processes that tests start
// beside themselves.
func TestMain(m *testing.M) {
	if IsInit(os.Args) {
		os.Exit(Init())
	}
	if len(os.Args) > 1 && os.Args[1] == scriptName {
		os.Exit(script())
	}
	if os.Args[0] == holderName {
		os.Exit(holder(os.Args[1], os.Args[2:]))
	}
	// The race detector sleeps for a second at the end of a process otherwise.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	os.Exit(withProbe(m))
}

// builtProbe, in the environment, names a probe for machines without a compiler.
const builtProbe = "TEREM_TEST_PROBE"

func withProbe(m *testing.M) int {
	if probe.path = os.Getenv(builtProbe); probe.path != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "terem-container")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	probe.path = filepath.Join(dir, "probe")
	build := exec.Command("go", "build", "-o", probe.path, "./testdata/probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // static: the root has no libraries
	if out, err := build.CombinedOutput(); err != nil {
		probe.err = fmt.Errorf("%w: %s", err, out)
	}
	return m.Run()
}

// needRoot skips a test where containers cannot be made.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start such a container")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^$")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces}
	if err := cmd.Run(); err != nil {
		t.Skipf("no namespaces on this host: %v", err)
	}
}

// inOwnMounts calls f on a thread with mounts of its own, which end with the thread. The
// control groups' library keeps for ever a handle on /sys/fs/cgroup as the first thread
// saw it that asked; that one must not be f's.
func inOwnMounts(t *testing.T, f func()) {
	t.Helper()
	_, _ = cgroups.ReadFile("/sys/fs/cgroup", "cgroup.procs") // opens it, whether or not the file is there
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for ever
		if err := errors.Join(unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS), unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")); err != nil {
			t.Error(err)
			return
		}
		f()
	}()
	<-done
}

// newRoot is a root file system with nothing in it but the probe, for all users to read.
func newRoot(t testing.TB) string {
	t.Helper()
	if probe.err != nil {
		t.Fatal(probe.err)
	}
	dir, err := os.MkdirTemp("", "terem-root")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"proc", "sys", "dev", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(probe.path, filepath.Join(dir, "probe")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func writeFile(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// needShift skips a test where the directories of tests are on a file system that cannot
// shift owners; such a root is copied.
func needShift(t testing.TB) {
	t.Helper()
	needRoot(t)
	r := begin(t, Config{}, "exit", "0")
	notes := r.Notes()
	r.end()
	if len(notes) > 0 {
		t.Skip(notes[0])
	}
}

// running is a container with its output.
type running struct {
	*Container
	t   testing.TB
	out *os.File
}

// begin starts a container with the probe, and expects it to start.
func begin(t testing.TB, c Config, args ...string) *running {
	t.Helper()
	r, err := tryBegin(t, c, args...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tryBegin(t testing.TB, c Config, args ...string) (*running, error) {
	t.Helper()
	if c.Root == "" {
		c.Root = newRoot(t)
	}
	if c.Argv == nil {
		c.Argv = append([]string{"/probe"}, args...)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []**os.File{&c.Stdout, &c.Stderr} {
		if *f == nil {
			*f = w
		}
	}
	k, err := Start(t.Context(), c)
	w.Close()
	if err != nil {
		r.Close()
		return nil, err
	}
	t.Cleanup(func() { r.Close() })
	return &running{k, t, r}, nil
}

// line reads one line of output.
func (r *running) line() string {
	r.t.Helper()
	var line []byte
	for one := make([]byte, 1); ; {
		if _, err := r.out.Read(one); err != nil {
			r.t.Fatalf("output ends after %q: %v", line, err)
		}
		if one[0] == '\n' {
			return string(line)
		}
		line = append(line, one[0])
	}
}

// end is the rest of the output and the outcome.
func (r *running) end() (string, Outcome) {
	r.t.Helper()
	out, err := io.ReadAll(r.out)
	if err != nil {
		r.t.Error(err)
	}
	o, err := r.Wait()
	if err != nil {
		r.t.Error(err)
	}
	return string(out), o
}

// run runs the probe to its end.
func run(t testing.TB, c Config, args ...string) (string, Outcome) {
	t.Helper()
	return begin(t, c, args...).end()
}

// must runs the probe and expects status 0.
func must(t testing.TB, c Config, args ...string) string {
	t.Helper()
	out, o := run(t, c, args...)
	if o.ExitStatus() != 0 {
		t.Fatalf("probe %q: %+v, %s", args, o, out)
	}
	return out
}

const (
	holderName = "terem-test-holder"
	// sharedMounts, in its environment, has the holder share its mounts, as systemd does.
	sharedMounts = "TEREM_TEST_SHARED=1"
	// readOnlyRoot, likewise, is Config.ReadOnly.
	readOnlyRoot = "TEREM_TEST_READONLY=1"
	// pauseIt has it pause the container.
	pauseIt = "TEREM_TEST_PAUSE=1"
)

// holder is a process beside the test that starts a container, says so, and waits.
func holder(root string, args []string) int {
	if slices.Contains(os.Environ(), sharedMounts) {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
			fmt.Println("error:", err)
			return 1
		}
	}
	k, err := Start(context.Background(), Config{Root: root, Argv: append([]string{"/probe"}, args...), Stdout: os.Stdout,
		ReadOnly: slices.Contains(os.Environ(), readOnlyRoot)})
	if err != nil {
		fmt.Println("error:", err)
		var own *fault.Error
		if errors.As(err, &own) {
			return own.Class.Status()
		}
		return 1
	}
	if slices.Contains(os.Environ(), pauseIt) {
		if err := k.Pause(); err != nil {
			fmt.Println("error:", err)
		}
	}
	fmt.Println("holding", k.Pid())
	o, err := k.Wait()
	if err != nil {
		fmt.Println("error:", err)
	}
	return o.ExitStatus()
}

// leftovers is what a container may leave behind on a host.
type leftovers struct {
	mounts, groups, children, files string
}

func survey(t testing.TB) leftovers {
	t.Helper()
	read := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	var l leftovers
	for line := range strings.Lines(read("/proc/self/mountinfo")) {
		name, _, _ := strings.Cut(t.Name(), "/")
		if tests := " " + os.TempDir() + "/Test"; !strings.Contains(line, tests) || strings.Contains(line, name) { // other packages mount meanwhile
			l.mounts += line
		}
	}
	l.groups = strings.Join(ownGroups(t), "\n")
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	for _, path := range tasks {
		if b, err := os.ReadFile(path); err == nil { // or the thread has ended
			l.children += string(b)
		}
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, e := range entries {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && !strings.HasPrefix(to, "/proc/") {
			files = append(files, to)
		}
	}
	sort.Strings(files)
	l.files = strings.Join(files, "\n")
	return l
}

// ownGroups finds all control groups below directories called terem, but for those of other
// processes that run: other packages' tests start containers meanwhile.
func ownGroups(t testing.TB) (dirs []string) {
	t.Helper()
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() && filepath.Base(filepath.Dir(path)) == "terem" && !others(d.Name()) {
			dirs = append(dirs, path)
		}
		return nil // a group that vanishes meanwhile is none
	})
	return dirs
}

// others says whether a group is that of another process that runs.
func others(group string) bool {
	o, ok := parseGroupName(group)
	return ok && o.pid != uint64(os.Getpid()) && o.start != 0 && ownerOf(int(o.pid)) == o
}

// eventually waits for something that the kernel does in its own time.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not in 20 s", what)
		}
	}
}

// fields turns lines "name value" into a map.
func fields(text string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		m[name] = strings.TrimSpace(value)
	}
	return m
}
