package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"terem/internal/fault"
)

// shared is the tests' directory for what is built once.
var shared string

// build builds terem and the programs beside it.
var build = sync.OnceValue(func() error {
	if out, err := exec.Command("go", "build", "-ldflags", "-s -w", "-o", shared, ".", "../terem-tools", "../terem-net", "../terem-share").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
})

func TestMain(m *testing.M) {
	var err error
	if shared, err = os.MkdirTemp("", "terem-test-"); err != nil {
		panic(err)
	}
	status := m.Run()
	os.RemoveAll(shared)
	os.Exit(status)
}

// programs are built terem and terem-tools, in one directory with the others, which the test may change.
func programs(t *testing.T) (terem, tools string) {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"terem", "terem-tools", "terem-net", "terem-share"} {
		b, err := os.ReadFile(filepath.Join(shared, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "terem"), filepath.Join(dir, "terem-tools")
}

type outcome struct {
	status      int
	out, stderr string
}

func execute(t *testing.T, env []string, argv ...string) outcome {
	t.Helper()
	var out, stderr bytes.Buffer
	c := exec.Command(argv[0], argv[1:]...)
	c.Stdout, c.Stderr, c.Env = &out, &stderr, append(os.Environ(), env...)
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{c.ProcessState.ExitCode(), out.String(), stderr.String()}
}

// TestModules: what this program links is what starts with it.
func TestModules(t *testing.T) {
	may := []string{
		"github.com/bobuhiro11/gokvm", "github.com/spf13/pflag", "golang.org/x/arch", "golang.org/x/net", "golang.org/x/sys", "golang.org/x/term",
		// the library for control groups, and what it needs
		"github.com/opencontainers/cgroups", "github.com/moby/sys/capability", "github.com/coreos/go-systemd/v22", "github.com/cyphar/filepath-securejoin",
		"github.com/godbus/dbus/v5", "github.com/moby/sys/mountinfo", "github.com/moby/sys/userns", "github.com/sirupsen/logrus",
	}
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := slices.Compact(slices.Sorted(slices.Values(strings.Fields(string(out)))))
	for _, m := range linked {
		if m != "terem" && !slices.Contains(may, m) {
			t.Errorf("links %s", m)
		}
	}
	for _, m := range may {
		if !slices.Contains(linked, m) {
			t.Errorf("the list has %s, which is not linked", m)
		}
	}
}

func TestSize(t *testing.T) {
	const most = 7_200_000
	terem, _ := programs(t)
	st, err := os.Stat(terem)
	if err != nil {
		t.Fatal(err)
	}
	if st.Size() > most {
		t.Errorf("%d bytes, stripped; at most %d", st.Size(), most)
	}
}

// TestOneProgram: the user sees one program.
func TestOneProgram(t *testing.T) {
	terem, tools := programs(t)
	version := strings.TrimSpace(execute(t, nil, terem, "version").out)
	env := []string{"TEREM_PROGRAM=" + terem, "TEREM_VERSION=" + version}
	qcow2 := filepath.Join(t.TempDir(), "disk.qcow2")
	if err := os.WriteFile(qcow2, append([]byte("QFI\xfb"), make([]byte, 1<<20)...), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		line   string
		status int
		want   string
	}{
		{"version", 0, "terem "},
		{"", 0, "Commands:"},
		{"--help", 0, "Commands:"},
		{"run --help", 0, "--kernel"},
		{"container run -h", 0, "--share"},
		{"container", 0, "Commands:"},
		{"help run", 0, "--kernel"},
		{"completion bash", 0, "__complete"},
		{"nope", 64, "nope"},
		{"run --nope", 64, "--nope"},
		{"run --rng 4M ls", 64, "--rng=4M"},
		{"run --cpus 999", 64, "at most 254"},
		{"run --memory", 64, "--memory"},
		{"run --memory x", 64, "--memory x"},
		{"run --kernel=", 64, "--kernel"},
		{"run --net nope", 64, "--net nope"},
		{"run --net none -p 80:80", 64, "--publish"},
		{"run --net tap=no-such-tap", 69, "no-such-tap"},
		{"run --kernel /nowhere/k", 64, "/nowhere/k"},
		{"run --disk " + qcow2 + ",ro --root none --kernel " + terem, 64, qcow2},
		{"container run --nope", 64, "--nope"},
		{"container run --root /nowhere -- x", 64, "--root /nowhere"},
		{"container run --share x -- x", 64, "--share x"},
	} {
		argv := strings.Fields(tt.line)
		one := execute(t, nil, append([]string{terem}, argv...)...)
		two := execute(t, env, append([]string{tools}, argv...)...)
		if one != two {
			t.Errorf("%q: terem says %+v, terem-tools %+v", tt.line, one, two)
		}
		if one.status != tt.status || !strings.Contains(one.out+one.stderr, tt.want) {
			t.Errorf("%q: %+v, want status %d and %q", tt.line, one, tt.status, tt.want)
		}
	}
}

// TestPair: one clear line if the other program is not there, not of this version, or called by hand.
func TestPair(t *testing.T) {
	terem, tools := programs(t)
	away := tools + ".away"
	for _, tt := range []struct {
		what string
		do   func() error
		argv []string
		env  []string
		want []string
	}{
		{"by hand", nil, []string{tools, "version"}, []string{"TEREM_PROGRAM="}, []string{"a part of terem", "run terem"}},
		{"another version", nil, []string{tools, "version"}, []string{"TEREM_PROGRAM=/x/terem", "TEREM_VERSION=terem 1"}, []string{"/x/terem of terem 1", "again"}},
		{"not executable", func() error { return os.Chmod(tools, 0o600) }, []string{terem, "version"}, nil, []string{tools, "permission denied", "again"}},
		{"missing", func() error { return os.Rename(tools, away) }, []string{terem, "version"}, nil, []string{"terem-tools", filepath.Dir(terem), "lib/terem", "again"}},
		{"in lib", func() error {
			lib := filepath.Join(filepath.Dir(filepath.Dir(terem)), "lib/terem")
			t.Cleanup(func() { os.RemoveAll(filepath.Dir(lib)) })
			return errors.Join(os.MkdirAll(lib, 0o755), os.Chmod(away, 0o700), os.Rename(away, filepath.Join(lib, "terem-tools")))
		}, []string{terem, "version"}, nil, nil},
	} {
		if tt.do != nil {
			if err := tt.do(); err != nil {
				t.Fatal(err)
			}
		}
		r := execute(t, tt.env, tt.argv...)
		if tt.want == nil {
			if r.status != 0 || r.stderr != "" {
				t.Errorf("%s: %+v", tt.what, r)
			}
			continue
		}
		if r.status != fault.StatusHost && r.status != fault.StatusUsage || r.out != "" || strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("%s: %+v; want one line", tt.what, r)
		}
		for _, w := range tt.want {
			if !strings.Contains(r.stderr, w) {
				t.Errorf("%s: %q does not say %q", tt.what, r.stderr, w)
			}
		}
	}
}

// sourceTree is a directory with the script that installs, and what `make build` makes if built is set.
func sourceTree(t *testing.T, built bool) (script string) {
	t.Helper()
	tree := t.TempDir()
	script = filepath.Join(tree, "scripts/install.sh")
	b, err := os.ReadFile("../../scripts/install.sh")
	if err == nil {
		err = errors.Join(os.Mkdir(filepath.Dir(script), 0o755), os.WriteFile(script, b, 0o600))
	}
	if err == nil && built {
		terem, _ := programs(t)
		err = os.Symlink(filepath.Dir(terem), filepath.Join(tree, "bin"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return script
}

// TestInstall copies what `make build` makes into a directory, uses it there, and takes it away.
func TestInstall(t *testing.T) {
	install, to := sourceTree(t, true), t.TempDir()
	script := func(args ...string) {
		t.Helper()
		if r := execute(t, nil, append([]string{"sh", install}, args...)...); r != (outcome{}) {
			t.Fatalf("%q: %+v", args, r)
		}
	}
	script(to)
	if r := execute(t, nil, filepath.Join(to, "bin/terem"), "help"); r.status != 0 || !strings.Contains(r.out, "Commands:") {
		t.Errorf("installed: %+v", r)
	}
	for _, name := range []string{"share/man/man1/terem-run.1", "share/bash-completion/completions/terem", "share/zsh/site-functions/_terem",
		"share/fish/vendor_completions.d/terem.fish"} {
		if st, err := os.Stat(filepath.Join(to, name)); err != nil || st.Size() < 1000 {
			t.Errorf("%s: %v, %v", name, st, err)
		}
	}
	script("--remove", to)
	err := filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestFewDescriptors: where next to no file can be opened, every command says so in a line.
func TestFewDescriptors(t *testing.T) {
	terem, tools := programs(t)
	version := strings.TrimSpace(execute(t, nil, terem, "version").out)
	env := []string{"TEREM_PROGRAM=" + terem, "TEREM_VERSION=" + version}
	for _, limit := range []string{"6", "9", "20", "34"} {
		for _, line := range []string{"run -- true", "container run -- true", "compare", "disk info x", "doctor", "version", "guest path"} {
			for _, program := range []string{terem, tools} {
				argv := append([]string{"sh", "-c", `ulimit -n "$0"; exec "$@"`, limit, program}, strings.Fields(line)...)
				got := execute(t, env, argv...)
				if got.status != fault.StatusHost || !strings.HasPrefix(got.stderr, "terem: open files: "+limit+" are allowed here") ||
					strings.Count(got.stderr, "\n") != 1 || got.out != "" {
					t.Errorf("ulimit -n %s; %s %s: %+v", limit, filepath.Base(program), line, got)
				}
			}
		}
	}
	if got := execute(t, nil, "sh", "-c", `ulimit -n 64; exec "$0" version`, terem); got.status != 0 {
		t.Errorf("with 64 files: %+v", got)
	}
}

// TestInstallNothing: an installation that cannot succeed takes nothing away.
func TestInstallNothing(t *testing.T) {
	install, to := sourceTree(t, false), t.TempDir()
	kept := filepath.Join(to, "bin/terem")
	if err := errors.Join(os.Mkdir(filepath.Dir(kept), 0o755), os.WriteFile(kept, []byte("before"), 0o600)); err != nil {
		t.Fatal(err)
	}
	r := execute(t, nil, "sh", install, to)
	if r.status != fault.StatusHost || !strings.Contains(r.stderr, "make build") || strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("%+v", r)
	}
	if b, err := os.ReadFile(kept); err != nil || string(b) != "before" {
		t.Errorf("what was there has %q, %v", b, err)
	}
}
