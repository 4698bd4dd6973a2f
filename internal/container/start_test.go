package container

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"terem/internal/fault"

	"golang.org/x/sys/unix"
)

func TestOutcome(t *testing.T) {
	needRoot(t)
	root := newRoot(t)
	if _, o := run(t, Config{Root: root}, "exit", "42"); o.ExitStatus() != 42 {
		t.Errorf("exit 42: %+v", o)
	}
	r := begin(t, Config{Root: root}, "deaf")
	r.line()
	if err := r.Kill(); err != nil {
		t.Error(err)
	}
	if _, o := r.end(); o.Signal != syscall.SIGKILL || o.ExitStatus() != 137 || o.OutOfMemory {
		t.Errorf("killed: %+v", o)
	}
}

func TestEnvironment(t *testing.T) {
	needRoot(t)
	c := Config{Argv: []string{"probe", "show", "/proc/self/environ"}, Env: []string{"A=1", "PATH=/nowhere:/", "B="}}
	if got, want := must(t, c), "A=1\x00PATH=/nowhere:/\x00B=\x00"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	long := strings.Repeat("x", 100_000)
	c = Config{Env: []string{"L=" + long, "M=" + long, "N=" + long}}
	if got := must(t, c, "show", "/proc/self/environ"); len(got) < 3*len(long) {
		t.Errorf("%d bytes of environment arrive", len(got))
	}
}

// TestErrors: a container that cannot be is one error with a status, and nothing is left.
func TestErrors(t *testing.T) {
	needRoot(t)
	root := newRoot(t)
	file := filepath.Join(root, "file")
	for path, mode := range map[string]os.FileMode{file: 0o644, filepath.Join(root, "broken"): 0o755} {
		if err := os.WriteFile(path, []byte("\x7fELF, but not for long"), mode); err != nil {
			t.Fatal(err)
		}
	}
	must(t, Config{Root: root}, "exit", "0") // what is opened once, is open now
	dir, err := os.Open(root)
	path, err2 := os.OpenFile(file, unix.O_PATH, 0)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	defer path.Close()
	before := survey(t)
	for _, tt := range []struct {
		name   string
		c      Config
		status int
		say    string
	}{
		{"no root", Config{Root: "/nowhere", Argv: []string{"x"}}, fault.StatusUsage, "Root /nowhere: no such file"},
		{"root is a file", Config{Root: file, Argv: []string{"x"}}, fault.StatusUsage, "not a directory"},
		{"no program", Config{Root: root, Argv: []string{"/nope"}}, fault.StatusNoProgram, "/nope: no such program"},
		{"no program in PATH", Config{Root: root, Argv: []string{"nope"}, Env: []string{"PATH=/:/tmp"}}, fault.StatusNoProgram, "nope: no such program"},
		{"no PATH", Config{Root: root, Argv: []string{"probe"}, Dir: "/tmp"}, fault.StatusNoProgram, "no such program"},
		{"not executable", Config{Root: root, Argv: []string{"/file"}}, fault.StatusNotExecutable, "/file: permission denied"},
		{"not executable in PATH", Config{Root: root, Argv: []string{"file"}, Env: []string{"PATH=/:/tmp"}}, fault.StatusNotExecutable, "permission denied"},
		{"not a program", Config{Root: root, Argv: []string{"/broken"}}, fault.StatusNotExecutable, "exec format error"},
		{"a directory", Config{Root: root, Argv: []string{"/tmp"}}, fault.StatusNotExecutable, "permission denied"},
		{"no working directory", Config{Root: root, Argv: []string{"/probe"}, Dir: "/nope"}, fault.StatusUsage, "Dir /nope"},
		{"no command", Config{Root: root}, fault.StatusUsage, "command"},
		{"a zero byte", Config{Root: root, Argv: []string{"a\x00b"}}, fault.StatusUsage, "zero byte"},
		{"network", Config{Root: root, Argv: []string{"x"}, Network: "bridge"}, fault.StatusUsage, "Network bridge"},
		{"users", Config{Root: root, Argv: []string{"x"}, Users: "nobody"}, fault.StatusUsage, "Users nobody"},
		{"host name", Config{Root: root, Argv: []string{"x"}, Hostname: strings.Repeat("x", 65)}, fault.StatusUsage, "64 bytes"},
		{"too many arguments", Config{Root: root, Argv: []string{"x", strings.Repeat("x", 5<<20)}}, fault.StatusHost, "argument list too long"},
		{"a program with anything in its name", Config{Root: root, Argv: []string{"/a\nb\x1b[1m\xff"}}, fault.StatusNoProgram, `"/a\nb\x1b[1m\xff": no such program`},
		{"a directory, likewise", Config{Root: root, Argv: []string{"/probe"}, Dir: "/a\nb"}, fault.StatusUsage, `Dir "/a\nb"`},
		{"limit", Config{Root: root, Argv: []string{"x"}, Limits: Limits{Memory: 1}}, fault.StatusUsage, "Memory"},
		{"more processes than Linux has", Config{Root: root, Argv: []string{"x"}, Limits: Limits{PIDs: 99999999999}}, fault.StatusUsage, "PIDs 99999999999: Linux has at most 4194304"},
		{"a directory as standard input", Config{Root: root, Argv: []string{"x"}, Stdin: dir}, fault.StatusUsage, "standard input: it is a directory"},
		{"a directory as standard error", Config{Root: root, Argv: []string{"x"}, Stderr: dir, Users: UsersHost}, fault.StatusUsage, "standard error: it is a directory"},
		{"a name as standard output", Config{Root: root, Argv: []string{"x"}, Stdout: path}, fault.StatusUsage, "standard output: it is open as a name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k, err := Start(t.Context(), tt.c)
			var e *fault.Error
			if k != nil || !errors.As(err, &e) || e.Class.Status() != tt.status || !strings.Contains(err.Error(), tt.say) || strings.Contains(err.Error(), "\n") {
				t.Errorf("container %v, error %v (%T); want status %d and %q in one line", k, err, err, tt.status, tt.say)
			}
		})
	}
	if after := survey(t); after != before {
		t.Errorf("left behind:\n%+v\nbefore:\n%+v", after, before)
	}
}

// TestHostileRoot: links in the root do not lead a mount anywhere.
func TestHostileRoot(t *testing.T) {
	needRoot(t)
	outside := t.TempDir()
	must(t, Config{}, "exit", "0") // what is opened once, is open now
	before := survey(t)
	for _, name := range []string{"proc", "sys", "dev"} {
		for _, to := range []string{outside, "/etc", "../../../../../.." + outside, "tmp", "loop"} {
			for _, users := range []Users{UsersPrivate, UsersHost} {
				root := newRoot(t)
				at := filepath.Join(root, name)
				if err := errors.Join(os.Remove(at), os.Symlink(to, at), os.Symlink("loop", filepath.Join(root, "loop"))); err != nil {
					t.Fatal(err)
				}
				_, err := tryBegin(t, Config{Root: root, Users: users}, "exit", "0")
				if err == nil || !strings.Contains(err.Error(), "/"+name+" of the root") {
					t.Errorf("%s is a link to %s: error %v", name, to, err)
				}
			}
		}
		root := newRoot(t)
		at := filepath.Join(root, name)
		if err := errors.Join(os.Remove(at), os.WriteFile(at, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
		if _, err := tryBegin(t, Config{Root: root}, "exit", "0"); err == nil {
			t.Errorf("%s is a file: no error", name)
		}
	}
	entries, err := os.ReadDir(outside)
	if err != nil || len(entries) != 0 {
		t.Errorf("outside holds %v, %v", entries, err)
	}
	if after := survey(t); after != before {
		t.Errorf("left behind:\n%+v\nbefore:\n%+v", after, before)
	}
}

// TestBareRoot: directories to mount at are made.
func TestBareRoot(t *testing.T) {
	needRoot(t)
	root := newRoot(t)
	for _, name := range []string{"proc", "sys", "dev"} {
		if err := os.Remove(filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	must(t, Config{Root: root}, "open", "/dev/null")
	must(t, Config{Root: root, ReadOnly: true}, "open", "/proc/self/status")
}

// TestNothingLeft runs many containers, some of which fail, and compares.
func TestNothingLeft(t *testing.T) {
	needRoot(t)
	root := newRoot(t)
	must(t, Config{Root: root}, "exit", "0") // what is opened once, is open now
	before, goroutines := survey(t), runtime.NumGoroutine()
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	for i := range rounds {
		c := Config{Root: root, Argv: []string{"/probe", "exit", "3"}, TTY: [3]bool{i%4 == 0}}
		if i%2 == 0 {
			c.Limits = Limits{Memory: 64 << 20, PIDs: 50}
		}
		if i%5 == 0 {
			c.Argv = []string{"/nope"}
		}
		k, err := Start(t.Context(), c)
		if err != nil {
			if i%5 != 0 {
				t.Fatal(err)
			}
			continue
		}
		if o, err := k.Wait(); err != nil || o.ExitStatus() != 3 {
			t.Fatalf("round %d: %+v, %v", i, o, err)
		}
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= goroutines })
	if after := survey(t); after != before {
		t.Errorf("left behind:\n%+v\nbefore:\n%+v", after, before)
	}
}

func TestContext(t *testing.T) {
	needRoot(t)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := func() (*running, error) {
		read, write, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		defer write.Close()
		k, err := Start(ctx, Config{Root: newRoot(t), Argv: []string{"/probe", "deaf"}, Stdout: write})
		return &running{k, t, read}, err
	}()
	if err != nil {
		t.Fatal(err)
	}
	defer r.out.Close()
	r.line()
	cancel()
	if _, o := r.end(); o.Signal != syscall.SIGKILL {
		t.Errorf("%+v, want killed", o)
	}
	if _, err := Start(ctx, Config{Root: newRoot(t), Argv: []string{"/probe", "sleep"}}); err == nil {
		t.Error("a start with a context that is done succeeds")
	}
}

// TestKilledParent: kill -9 of the process outside ends the container, and the next one
// sweeps what is left of it.
func TestKilledParent(t *testing.T) {
	needRoot(t)
	before := survey(t)
	root := newRoot(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p, err := os.StartProcess("/proc/self/exe", []string{holderName, root, "children", "3"},
		&os.ProcAttr{Files: []*os.File{nil, w, os.Stderr}})
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	lines := bufio.NewScanner(r)
	for pid == 0 && lines.Scan() {
		_, _ = fmt.Sscanf(lines.Text(), "holding %d", &pid) // or it is the probe's line
	}
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
	if _, err := p.Wait(); err != nil {
		t.Error(err)
	}
	if pid == 0 {
		t.Fatal("no container was started")
	}
	eventually(t, "the container ends", func() bool { return unix.Kill(pid, 0) == unix.ESRCH })
	must(t, Config{Root: root}, "exit", "0")
	eventually(t, "groups are swept", func() bool {
		must(t, Config{Root: root}, "exit", "0")
		return survey(t).groups == before.groups
	})
}

// TestSharedMounts: where systemd is process 1 all mounts are shared. A container starts
// there, and nothing that is mounted in it is seen outside.
func TestSharedMounts(t *testing.T) {
	needRoot(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p, err := os.StartProcess("/proc/self/exe", []string{holderName, newRoot(t), "children", "3"}, &os.ProcAttr{
		Env: []string{sharedMounts}, Files: []*os.File{nil, w, os.Stderr}, Sys: &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS},
	})
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = p.Kill() // or it has ended
		_, _ = p.Wait()
	}()
	var said []string
	for lines := bufio.NewScanner(r); lines.Scan(); {
		said = append(said, lines.Text())
		if strings.HasPrefix(lines.Text(), "holding") {
			break
		}
	}
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", p.Pid))
	if err != nil || len(said) == 0 || !strings.HasPrefix(said[len(said)-1], "holding") {
		t.Fatalf("%q, %v", said, err)
	}
	if strings.Contains(string(mounts), "terem-root") || !strings.Contains(string(mounts), "shared:") {
		t.Errorf("mounts outside:\n%s", mounts)
	}
}

// TestUnprivileged starts containers as an ordinary user.
func TestUnprivileged(t *testing.T) {
	needRoot(t)
	root := newRoot(t)
	const nobody = 65534
	asNobody := func(args ...string) (string, int) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		p, err := os.StartProcess("/proc/self/exe", append([]string{holderName, root}, args...), &os.ProcAttr{
			Files: []*os.File{nil, w, os.Stderr}, Dir: "/",
			Sys: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}},
		})
		w.Close()
		if err != nil {
			t.Fatal(err)
		}
		out := new(strings.Builder)
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			if !strings.HasPrefix(lines.Text(), "holding") {
				fmt.Fprintln(out, lines.Text())
			}
		}
		state, err := p.Wait()
		if err != nil {
			t.Fatal(err)
		}
		return out.String(), state.ExitCode()
	}
	out, status := asNobody("whoami")
	if strings.Contains(out, "no ordinary user") {
		t.Skip(out)
	}
	if status != 0 || out != "0 0 / terem 1\n" {
		t.Errorf("whoami: status %d, %q", status, out)
	}
	if out, status := asNobody("show", "/proc/self/uid_map"); status != 0 || strings.Join(strings.Fields(out), " ") != "0 65534 1" {
		t.Errorf("numbers: status %d, %q", status, out)
	}
	if out, status := asNobody("write", "/file"); status != 1 {
		t.Errorf("write to root's directory: status %d, %q", status, out)
	}
	if out, status := asNobody("interfaces"); status != 0 || out != "lo true\n" {
		t.Errorf("interfaces: status %d, %q", status, out)
	}
}

func TestTerminal(t *testing.T) {
	needRoot(t)
	k, err := Start(t.Context(), Config{Root: newRoot(t), Argv: []string{"/probe", "terminal"}, TTY: [3]bool{true, true, true}, Columns: 100, Rows: 30})
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(k.Terminal())
	next := func() string {
		if !lines.Scan() {
			t.Errorf("the terminal ends: %v", lines.Err())
		}
		return lines.Text()
	}
	if got := next(); got != "/dev/pts/0 100 30" {
		t.Errorf("terminal %q, want /dev/pts/0 of 100 columns and 30 rows", got)
	}
	next()
	if err := k.Resize(40, 20); err != nil {
		t.Error(err)
	}
	if got := next(); got != "now 40 20" {
		t.Errorf("after a resize: %q", got)
	}
	if o, err := k.Wait(); err != nil || o.ExitStatus() != 0 {
		t.Errorf("%+v, %v", o, err)
	}
	if err := k.Close(); err != nil {
		t.Error(err)
	}
}
