package container

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestNamespaces(t *testing.T) {
	needRoot(t)
	for _, tt := range []struct {
		name   string
		c      Config
		shared []string
	}{
		{"all", Config{}, nil},
		{"host's network", Config{Network: NetworkHost}, []string{"net"}},
		{"host's users", Config{Users: UsersHost}, []string{"user"}},
		{"host's both", Config{Users: UsersHost, Network: NetworkHost}, []string{"user", "net"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inside := fields(must(t, tt.c, "links", "/proc/self/ns"))
			for _, ns := range []string{"pid", "net", "ipc", "mnt", "uts", "user", "cgroup", "time"} {
				outside, err := os.Readlink("/proc/self/ns/" + ns)
				if err != nil {
					t.Fatal(err)
				}
				want := strings.Contains(strings.Join(tt.shared, " "), ns)
				if inside[ns] == "" || (inside[ns] == outside) != want {
					t.Errorf("%s: inside %q, outside %q; shared: want %v", ns, inside[ns], outside, want)
				}
			}
		})
	}
}

func TestIdentity(t *testing.T) {
	needRoot(t)
	if got, want := must(t, Config{}, "whoami"), "0 0 / terem 1\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	c := Config{Hostname: "tower", Dir: "/tmp"}
	if got, want := must(t, c, "whoami"), "0 0 /tmp tower 1\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestOwners: root inside is nobody outside, and yet writes files that are root's.
func TestOwners(t *testing.T) {
	needShift(t)
	root := newRoot(t)
	must(t, Config{Root: root}, "write", "/tmp/file")
	var st syscall.Stat_t
	if err := syscall.Stat(filepath.Join(root, "tmp/file"), &st); err != nil || st.Uid != 0 {
		t.Errorf("owner on the disk: %d, %v; want 0", st.Uid, err)
	}
	r := begin(t, Config{Root: root}, "patient", "0")
	r.line()
	if err := syscall.Stat(filepath.Join("/proc", strconv.Itoa(r.Pid())), &st); err != nil || st.Uid < 1000 {
		t.Errorf("owner of the process outside: %d, %v; want one of the shifted", st.Uid, err)
	}
	if err := r.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if _, o := r.end(); o.ExitStatus() != 0 {
		t.Error(o)
	}
}

func TestNetwork(t *testing.T) {
	needRoot(t)
	if got := must(t, Config{}, "interfaces"); got != "lo true\n" {
		t.Errorf("interfaces %q, want loopback alone, up", got)
	}
	must(t, Config{}, "dial")
}

// TestFiles: the program gets three descriptors, whatever the process outside has.
func TestFiles(t *testing.T) {
	needRoot(t)
	f, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	leak, err := syscall.Dup(int(f.Fd())) // not closed on exec
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(leak)
	got := fields(must(t, Config{}, "links", "/proc/self/fd"))
	for fd, to := range got {
		if to == "/" || strings.HasPrefix(to, "socket:") {
			t.Errorf("descriptor %s leads to %s", fd, to)
		}
	}
}

// TestMounts: what tells of the host or changes it is hidden, or cannot be written.
func TestMounts(t *testing.T) {
	needRoot(t)
	options := map[string]string{}
	for line := range strings.Lines(must(t, Config{}, "show", "/proc/self/mountinfo")) {
		if f := strings.Fields(line); len(f) > 5 {
			options[f[4]] = strings.TrimSuffix(f[5], ",idmapped")
		}
	}
	for at, want := range map[string]string{
		"/": "rw,nodev,relatime", "/proc": "rw,nosuid,nodev,noexec,relatime", "/sys": "ro,nosuid,nodev,noexec,relatime",
		"/proc/sys": "ro,nosuid,nodev,noexec,relatime",
	} {
		if options[at] != want {
			t.Errorf("%s is mounted %q, want %q", at, options[at], want)
		}
	}
	for at := range options {
		if root, _, _ := strings.Cut(strings.TrimPrefix(at, "/"), "/"); at != "/" && !strings.Contains(" proc sys dev ", " "+root+" ") {
			t.Errorf("a mount of the host's is left: %s", at)
		}
	}
	for _, path := range []string{"/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/irq/default_smp_affinity", "/sys/kernel/uevent_helper"} {
		if out, o := run(t, Config{}, "write", path); o.Status != 1 {
			t.Errorf("write %s: status %d, %s", path, o.Status, out)
		}
	}
	for _, path := range []string{"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/interrupts"} {
		if _, err := os.Stat(path); err != nil {
			continue // nor does this host have it
		}
		if got := must(t, Config{}, "show", path); got != "" {
			t.Errorf("%s shows %d bytes", path, len(got))
		}
	}
}

func TestDevices(t *testing.T) {
	needRoot(t)
	for _, path := range []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/ptmx", "/dev/fd/0"} {
		must(t, Config{}, "open", path)
	}
	got := strings.Fields(must(t, Config{}, "list", "/dev"))
	want := "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero"
	if strings.Join(got, " ") != want {
		t.Errorf("/dev has %q, want %q", got, want)
	}
	for _, users := range []Users{UsersPrivate, UsersHost} {
		if _, o := run(t, Config{Users: users}, "device", "/tmp/null"); o.Status != 1 {
			t.Errorf("users %s: a device file could be made", users)
		}
	}
}

// TestForeignDevice: a device file that was in the root before opens nothing.
func TestForeignDevice(t *testing.T) {
	needRoot(t)
	root := newRoot(t)
	if err := syscall.Mknod(filepath.Join(root, "null"), syscall.S_IFCHR|0o666, 1<<8|3); err != nil {
		t.Fatal(err)
	}
	for _, users := range []Users{UsersPrivate, UsersHost} {
		if out, o := run(t, Config{Root: root, Users: users}, "open", "/null"); o.Status != 1 {
			t.Errorf("users %s: status %d, %s", users, o.Status, out)
		}
	}
}

func TestReadOnly(t *testing.T) {
	needRoot(t)
	root := newRoot(t)
	c := Config{Root: root, ReadOnly: true}
	if out, o := run(t, c, "write", "/file"); o.Status != 1 || !strings.Contains(out, "read-only") {
		t.Errorf("write: %+v, %s", o, out)
	}
	must(t, c, "write", "/dev/shm/file")
	must(t, c, "write", "/tmp/file")
	if left, err := os.ReadDir(filepath.Join(root, "tmp")); err != nil || len(left) != 0 {
		t.Errorf("/tmp on the host has %v, %v", left, err)
	}
	must(t, Config{Root: root}, "write", "/file")
}

func TestBinds(t *testing.T) {
	needShift(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("content\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, users := range []Users{UsersPrivate, UsersHost} {
		c := Config{Root: newRoot(t), Users: users, Binds: []Bind{
			{Source: file, Target: "/tmp/data"}, {Source: dir, Target: "/more"}, {Source: dir, Target: "/less/", ReadOnly: true},
		}}
		for _, path := range []string{"/tmp/data", "/more/file", "/less/file"} {
			if got := must(t, c, "show", path); got != "content\n" {
				t.Errorf("users %s: %s has %q", users, path, got)
			}
		}
		must(t, c, "write", "/more/new")
		if out, o := run(t, c, "write", "/less/other"); o.Status != 1 {
			t.Errorf("users %s: a read-only bind is written: %s", users, out)
		}
	}
	for _, b := range []Bind{
		{Source: "/nowhere", Target: "/x"}, {Source: dir, Target: "/a/b"}, {Source: dir, Target: "/"}, {Source: dir, Target: "x"},
	} {
		if _, err := tryBegin(t, Config{Binds: []Bind{b}}, "exit", "0"); err == nil {
			t.Errorf("%+v: no error", b)
		}
	}
	root := newRoot(t)
	if err := os.Symlink(dir, filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := tryBegin(t, Config{Root: root, Binds: []Bind{{Source: dir, Target: "/link/x"}}}, "exit", "0"); err == nil {
		t.Error("a bind goes through a link")
	}
}
