package disk

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestIdentity(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link("a", "hard"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a", "soft"); err != nil {
		t.Fatal(err)
	}
	open, err := os.Open("a")
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"a", "a", true}, {"a", "hard", true}, {"soft", "hard", true}, {"a", "b", false},
		{"missing", "missing", false}, {"/dev/null", "/dev/null", false}, {".", ".", false}, {"a", ".", false},
	} {
		if got := IdentifyPath(tt.a).Overlaps(IdentifyPath(tt.b)); got != tt.same {
			t.Errorf("%s and %s: %t", tt.a, tt.b, got)
		}
	}
	if !Identify(open).Overlaps(IdentifyPath("soft")) {
		t.Error("an open file is not the one that its name says")
	}
}

// TestIdentityOfDevices has another node of a device, and a loop device.
func TestIdentityOfDevices(t *testing.T) {
	dir := t.TempDir()
	node := func(name string, major, minor uint32) string {
		path := filepath.Join(dir, name)
		if err := unix.Mknod(path, unix.S_IFBLK|0o600, int(unix.Mkdev(major, minor))); err != nil {
			t.Skipf("making a node of a device needs root: %v", err)
		}
		return path
	}
	a, b, c := node("a", 7, 200), node("b", 7, 200), node("c", 7, 201)
	if !IdentifyPath(a).Overlaps(IdentifyPath(b)) || IdentifyPath(a).Overlaps(IdentifyPath(c)) {
		t.Error("a device is known by its number, not by its node")
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("losetup", "--find", "--show", file).Output()
	if err != nil {
		t.Skipf("needs a loop device: %v", err)
	}
	loop := strings.TrimSpace(string(out))
	defer exec.Command("losetup", "--detach", loop).Run()
	if !IdentifyPath(loop).Overlaps(IdentifyPath(file)) || !IdentifyPath(file).Overlaps(IdentifyPath(loop)) {
		t.Error("a loop device is its file")
	}
}

// TestUnderneath follows a sysfs of its own: partitions of one disk, and a volume on one of them.
func TestUnderneath(t *testing.T) {
	sys := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(sys, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("sda/dev", "8:0\n")
	write("sda/sda1/dev", "8:1\n")
	write("sda/sda1/partition", "1\n")
	write("dm-0/dev", "254:0\n")
	if err := os.MkdirAll(filepath.Join(sys, "dm-0/slaves"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../sda/sda1", filepath.Join(sys, "dm-0/slaves/sda1")); err != nil {
		t.Fatal(err)
	}
	device := func(name string, minor uint32, major uint32) Identity {
		return Identity{place: place{dev: unix.Mkdev(major, minor), device: true}, beneath: underneath(filepath.Join(sys, name), 0)}
	}
	disk, part, other := device("sda", 0, 8), device("sda/sda1", 1, 8), device("missing", 2, 8)
	volume := device("dm-0", 0, 254)
	for name, tt := range map[string]struct {
		a, b Identity
		want bool
	}{
		"a partition and its disk":       {part, disk, true},
		"a disk and its partition":       {disk, part, true},
		"a volume and its partition":     {volume, part, true},
		"a volume and its disk":          {disk, volume, true},
		"a volume and another partition": {volume, other, false},
		"a partition and another":        {part, other, false},
	} {
		if tt.a.Overlaps(tt.b) != tt.want {
			t.Errorf("%s: %t", name, !tt.want)
		}
	}
}
