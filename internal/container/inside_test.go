package container

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"terem/internal/fault"

	"golang.org/x/sys/unix"
)

// inherited opens a directory so that processes started from here would have it.
func inherited(t *testing.T, dir string) int {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// TestLeadsOut: nothing that terem was started with, or has open itself, leads a container's
// path to the host's files.
func TestLeadsOut(t *testing.T) {
	needRoot(t)
	host := filepath.Dir(probe.path)
	fd := inherited(t, host)
	stdin, err := os.Open(probe.path) // a directory is refused
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	refused := func(c Config, say string, args ...string) {
		t.Helper()
		c.Root, c.Stdin = newRoot(t), stdin
		// Where it can be, it is opened anew: the last container closed it for those after it.
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			t.Fatal(err)
		}
		r, err := tryBegin(t, c, args...)
		if err == nil {
			out, o := r.end()
			t.Errorf("%+v starts: %+v, %s", c, o, out)
		} else if !strings.Contains(err.Error(), say) {
			t.Errorf("%+v: %v, want %q", c, err, say)
		}
	}
	for _, users := range []Users{UsersPrivate, UsersHost} {
		paths := []string{"/dev/stdin", "/proc/thread-self/fd/0", fmt.Sprintf("/dev/fd/%d", fd), fmt.Sprintf("/proc/self/fd/%d/../%s", fd, filepath.Base(host))}
		for n := range max(10, fd+1) {
			paths = append(paths, fmt.Sprintf("/proc/self/fd/%d", n))
		}
		for _, path := range paths {
			refused(Config{Users: users, Dir: path}, "Dir "+path, "exit", "0")
			refused(Config{Users: users, Argv: []string{path + "/probe", "exit", "0"}}, path)
		}
		refused(Config{Users: users, Argv: []string{"probe", "exit", "0"}, Env: []string{"PATH=/nowhere:/proc/self/fd/0"}}, "probe: ")
		refused(Config{Users: users, Argv: []string{"/proc/self/exe"}}, "leads out")
		refused(Config{Users: users, Argv: []string{"/proc/self/fd/0", "exit", "0"}}, "leads out")
		refused(Config{Users: users, Dir: "/proc/self/root/.."}, "leads out", "exit", "0")
		for target, say := range map[string]string{fmt.Sprintf("/proc/self/fd/%d/x", fd): "", "/dev/stdin/x": "", "/proc/self/fd/0/x": "leads out", "/proc/self/root/x": "leads out"} {
			refused(Config{Users: users, Binds: []Bind{{Source: host, Target: target}}}, say, "exit", "0")
		}
	}
}

// TestInherited: the first stage has four descriptors of ours, and what its runtime opens.
func TestInherited(t *testing.T) {
	needRoot(t)
	inherited(t, "/")
	s := &start{c: Config{Root: newRoot(t), Argv: []string{"/probe"}}, privileged: true, k: &Container{exited: make(chan struct{}), groups: &groups{}}}
	defer s.close()
	if err := errors.Join(s.c.fill(), s.openRoot(), s.openFiles(), s.begin()); err != nil {
		t.Fatal(err)
	}
	defer s.k.abandon()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", s.k.Pid()))
	if err != nil || len(links) < 4 {
		t.Fatal(links, err)
	}
	for _, link := range links {
		to, err := os.Readlink(link)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // the runtime has it no more
			t.Error(err)
		}
		if to == "/" || len(filepath.Base(link)) > 1 {
			t.Errorf("descriptor %s is %s", filepath.Base(link), to)
		}
	}
}

// scriptName is a script whose interpreter is the link to the file that a process runs. For
// the first stage that is this test's own.
const scriptName = "/script"

// script is the life of that interpreter: could it write to its file when that runs no more?
func script() int {
	fmt.Println(errors.Is(unix.Access("/proc/self/exe", unix.W_OK), unix.EROFS))
	return 0
}

func TestOwnFile(t *testing.T) {
	needRoot(t)
	root := newRoot(t)
	if err := os.WriteFile(filepath.Join(root, scriptName), []byte("#!/proc/self/exe\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := Config{Root: root, Users: UsersHost, Argv: []string{scriptName}}
	for _, libraries := range []string{"/lib", "/lib64"} { // this test's own
		if _, err := os.Stat(libraries); err == nil {
			c.Binds = append(c.Binds, Bind{Source: libraries, Target: libraries, ReadOnly: true})
		}
	}
	if out := must(t, c); out != "true\n" {
		t.Errorf("the host's file of the first stage is read-only for root inside: %s", out)
	}
}

// Test32Bit: a program that could make no system call is refused with a reason.
func Test32Bit(t *testing.T) {
	needRoot(t)
	head := func(class, machine byte) []byte {
		p := make([]byte, 64)
		copy(p, "\x7fELF")
		p[4], p[18] = class, machine
		return p
	}
	root := newRoot(t)
	for _, tt := range []struct {
		name string
		head []byte
		say  string
	}{
		{"i386", head(1, 3), "32-bit x86"},
		{"x32", head(1, 62), "32-bit x86"},
		{"arm", head(1, 40), "exec format error"},
		{"short", []byte("\x7fELF\x01"), "exec format error"},
		{"none", nil, "exec format error"},
	} {
		if err := os.WriteFile(filepath.Join(root, tt.name), tt.head, 0o755); err != nil {
			t.Fatal(err)
		}
		_, err := tryBegin(t, Config{Root: root, Argv: []string{"/" + tt.name}})
		var e *fault.Error
		if !errors.As(err, &e) || e.Class != fault.NotExecutable || !strings.Contains(err.Error(), tt.say) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.say)
		}
	}
}
