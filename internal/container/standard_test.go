package container

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestStandardAccess: a name in /dev lets the program do no more with a file than it was
// given for; and whatever users it has, it makes none that gives rights to who executes it.
func TestStandardAccess(t *testing.T) {
	needShift(t)
	const old = "old"
	for _, tt := range []struct {
		name    string
		flags   int
		content string
		want    string // of private users: what an owner may do
	}{
		{"append", os.O_WRONLY | os.O_APPEND, old, "read false empty false mode false owner false"},
		{"read and append", os.O_RDWR | os.O_APPEND, old, "read false empty false mode false owner false"},
		{"write into", os.O_WRONLY, old, "read false empty false mode false owner false"},
		{"write", os.O_WRONLY, "", "read true empty true mode true owner true"},
		{"read and write", os.O_RDWR, old, "read true empty true mode true owner true"},
		{"read", os.O_RDONLY, old, "read true empty false mode false owner false"},
	} {
		for _, users := range []Users{UsersPrivate, UsersHost} {
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(path, tt.flags, 0)
			if err != nil {
				t.Fatal(err)
			}
			out, o := run(t, Config{Users: users, Stdout: f}, "change", "/dev/stdout")
			f.Close()
			if got := strings.Join(strings.Fields(out), " "); o.ExitStatus() != 0 || users == UsersPrivate && got != tt.want || strings.Contains(got, "rights") {
				t.Errorf("%s, users %s: %+v, %q; want %q", tt.name, users, o, got, tt.want)
			}
			givesNoRights(t, path)
			b, err := os.ReadFile(path)
			if err != nil || users == UsersPrivate && strings.Contains(tt.want, "empty false") && string(b) != old {
				t.Errorf("%s: it holds %q, %v", tt.name, b, err)
			}
		}
	}
}

// givesNoRights looks at a file of the host's.
func givesNoRights(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil || info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	if n, err := unix.Getxattr(path, "security.capability", nil); err == nil {
		t.Errorf("the file has %d bytes of capabilities", n)
	}
}

// TestStandardOfUser: nor does an ordinary user leave a file that gives his rights to others.
func TestStandardOfUser(t *testing.T) {
	needRoot(t)
	root := newRoot(t)
	path := filepath.Join(root, "of-nobody")
	const nobody = 65534
	writeFile(t, path, "")
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err := errors.Join(err, os.Chown(path, nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	p, err := os.StartProcess("/proc/self/exe", []string{holderName, root, "change", "/dev/stdout"}, &os.ProcAttr{
		Files: []*os.File{null, f, f}, Dir: "/", Sys: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}},
	})
	if err != nil {
		t.Fatal(err)
	}
	state, err := p.Wait()
	b, err2 := os.ReadFile(path)
	if strings.Contains(string(b), "no ordinary user") {
		t.Skip(string(b))
	}
	// What it says goes into the file, which "empty" has emptied; mode tells that it was there.
	if err := errors.Join(err, err2); err != nil || !state.Success() {
		t.Errorf("%v, %v: %s", state, err, b)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o777 {
		t.Errorf("mode %v, %v: this test cannot fail", info.Mode(), err)
	}
	givesNoRights(t, path)
}

// TestStandardPipe: a pipe with a name may be opened again, and stays as it is.
func TestStandardPipe(t *testing.T) {
	needShift(t)
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0) // as nobody reads yet
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	must(t, Config{Stdout: f}, "write", "/dev/stdout")
	one := make([]byte, 1)
	if n, err := f.Read(one); n != 1 || one[0] != 'x' {
		t.Errorf("it gave %q, %v", one[:n], err)
	}
	out, _ := run(t, Config{Stdin: f}, "mode", "/dev/stdin")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 || strings.TrimSpace(out) != "/dev/stdin false" {
		t.Errorf("%v, %v, %q", info.Mode(), err, out)
	}
}

// TestHostsDevices: root inside cannot take away the host's devices from other users.
func TestHostsDevices(t *testing.T) {
	needRoot(t)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, users := range []Users{UsersPrivate, UsersHost} {
		out := must(t, Config{Users: users, Stdin: null}, "mode", "/dev/null", "/dev/full", "/dev/tty", "/proc/self/fd/0", "/tmp")
		if n := strings.Count(out, "false\n"); n != 4 || !strings.Contains(out, "/tmp true\n") {
			t.Errorf("users %s: it sets modes: %s", users, out)
		}
		must(t, Config{Users: users, Stdin: null}, "write", "/dev/full-not") // the directory is its own
		if out, o := run(t, Config{Users: users, Stdin: null}, "write", "/dev/full"); o.Status != 1 || !strings.Contains(out, "no space") {
			t.Errorf("users %s: a write to /dev/full: %+v, %s", users, o, out)
		}
	}
}
