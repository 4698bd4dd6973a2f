package launch

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"terem/devices/virtio/rng"
	"terem/internal/kvmtest"
	"terem/internal/vm/disk"
	"terem/internal/vm/disk/image"
	"terem/internal/vm/machine"
)

// TestBootDisks boots from a disk, with another one, a source of random numbers and a
// balloon beside it, and looks at the disks afterwards.
func TestBootDisks(t *testing.T) {
	kvmtest.Open(t)
	if testing.Short() {
		t.Skip("boots Linux: not in -short")
	}
	dir := t.TempDir()
	root, data := filepath.Join(dir, "root.img"), filepath.Join(dir, "data.img")
	order := image.FromDir{Source: busyboxRoot(t), Path: root, Size: 32 << 20}
	if err := order.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := image.Create(data, 8<<20, false); err != nil {
		t.Fatal(err)
	}
	const script = `set -e
grep -c '^/dev/root / \|^/dev/vda / ' /proc/mounts
echo kept >/file
dd if=/dev/vda of=/dev/null bs=4k count=256 2>/dev/null
echo hello | dd of=/dev/vdb bs=512 seek=3 conv=sync,fsync 2>/dev/null
test $(head -c 8 /dev/hwrng | wc -c) = 8
cat /sys/block/vdb/serial; echo
exit 6`
	r := bootGuest(t, "", Options{
		Disks: []disk.Spec{{Path: root}, {Path: data, ID: "second"}}, RNG: &rng.Config{}, Balloon: &machine.Balloon{},
		Exits: "json", Command: []string{"sh", "-c", script},
	})
	if r.out != "1\nsecond\n" || r.status != 6 {
		t.Fatalf("status %d, output %q, standard error %q; want 6 after the mount and the ID", r.status, r.out, r.stderr)
	}
	b, err := os.ReadFile(data)
	if err != nil || !strings.HasPrefix(string(b[3*512:]), "hello\n") {
		t.Errorf("the second disk has %q in its sector 3, %v", b[3*512:][:8], err)
	}
	checkClean(t, root)
	checkNoExits(t, r.stderr)
}

// TestBootNoRoot: a partition that is not there is found out in the guest alone.
func TestBootNoRoot(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data.img")
	if err := image.Create(data, 1<<20, false); err != nil {
		t.Fatal(err)
	}
	r := bootGuest(t, "", Options{Disks: []disk.Spec{{Path: data}}, Root: "/dev/vda7", Command: []string{"true"}})
	if want := (result{126, "", "terem: root /dev/vda7: the guest has no such device (errno 2); --root none leaves it out\n"}); r != want {
		t.Errorf("%+v, want %+v", r, want)
	}
}

// busyboxRoot is a directory with a shell and what the script calls.
func busyboxRoot(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	busybox, err := os.ReadFile("/bin/busybox") // the guest was built with it
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"bin", "dev", "proc", "run", "sys", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "bin/busybox"), busybox, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sh", "cat", "dd", "grep", "head", "wc"} {
		if err := os.Symlink("busybox", filepath.Join(dir, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// checkClean: the guest has left the file system as if it had unmounted it.
func checkClean(t *testing.T, path string) {
	t.Helper()
	in, err := image.Examine(path)
	if err != nil {
		t.Fatal(err)
	}
	if fs := in.Content.FileSystem; fs == nil || fs.Type != "ext4" || fs.State != "clean" {
		t.Errorf("%s holds %+v afterwards, want a clean ext4", path, fs)
	}
}

// checkNoExits: a disk's requests make no exits; what there are come from its driver's
// set-up, which takes some twenty writes of registers.
func checkNoExits(t *testing.T, stderr string) {
	t.Helper()
	var report machine.Report
	if err := json.Unmarshal([]byte(stderr), &report); err != nil {
		t.Fatalf("the ledger: %v in %q", err, stderr)
	}
	seen := 0
	for _, p := range report.Places {
		if !strings.HasPrefix(p.Name, "disk") {
			continue
		}
		seen++
		if p.Count > 40 {
			t.Errorf("%s: %d exits in some hundred requests", p.Name, p.Count)
		}
	}
	if seen != 2 {
		t.Errorf("%d disks in the ledger, want 2: %+v", seen, report.Places)
	}
}

// TestBootDataDisk: a disk without a program stays beside the guest's own root, and is not
// written to, nor is its journal replayed; with one, wherever that is, it is the root.
func TestBootDataDisk(t *testing.T) {
	kvmtest.Open(t)
	if testing.Short() {
		t.Skip("boots Linux: not in -short")
	}
	const unclean, readOnly, damaged, untouched = 1, 2, 4, 8
	for _, tt := range []struct {
		name, file string // the disk's only one
		is         int
		command    []string
		want       result
	}{
		{"empty", "", 0, []string{"sh", "-c", "grep -c /dev/vda /proc/mounts; mount /dev/vda /mnt && ls /mnt"}, result{0, "0\nlost+found\n", ""}},
		{"data", "photos/1", untouched, []string{"none"}, result{127, "", "terem: none: no such program in the guest, nor any on /dev/vda\n"}},
		{"unclean data", "photos/1", unclean | untouched, []string{"true"}, result{}},
		{"unclean data that cannot be written", "photos/1", unclean | readOnly | untouched, []string{"true"}, result{}},
		{"the command", "srv/busybox", 0, []string{"/srv/busybox", "sh", "-c", "echo /*"}, result{0, "/dev /lost+found /proc /run /srv /sys /tmp\n", ""}},
		{"where programs are", "usr/sbin/busybox", 0, []string{"/usr/sbin/busybox", "sh", "-c", "echo >/x && echo /u* /x"}, result{0, "/usr /x\n", ""}},
		{"unclean", "bin/busybox", unclean, []string{"/bin/busybox", "sh", "-c", "echo >/x && echo /b* /x"}, result{0, "/bin /x\n", ""}},
		{"unclean, cannot be written", "bin/busybox", unclean | readOnly | untouched, []string{"true"},
			result{126, "", "terem: root /dev/vda: it has a journal to replay and cannot be written (errno 30); --root none leaves it out\n"}},
		{"damaged", "bin/busybox", damaged, []string{"true"}, result{126, "", "terem: root /dev/vda: its file system is damaged (errno 117); --root none leaves it out\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			img := dataDisk(t, tt.file)
			switch {
			case tt.is&unclean != 0:
				debugfs(t, img, "jo\njw -b 3000 /dev/null\njc\n")
			case tt.is&damaged != 0:
				debugfs(t, img, "set_inode_field <2> mode 0\n")
			}
			before, err := os.ReadFile(img)
			if err != nil {
				t.Fatal(err)
			}
			if r := bootGuest(t, "", Options{Disks: []disk.Spec{{Path: img, ReadOnly: tt.is&readOnly != 0}}, Command: tt.command}); r != tt.want {
				t.Errorf("%+v, want %+v", r, tt.want)
			}
			after, err := os.ReadFile(img)
			if same := bytes.Equal(before, after); err != nil || !same && tt.is&untouched != 0 || same && tt.is&unclean != 0 && tt.is&untouched == 0 {
				t.Errorf("the disk is as it was: %v, %v", same, err)
			}
		})
	}
}

// dataDisk is an image with one file, which is busybox, or with none.
func dataDisk(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	if name != "" {
		busybox, err := os.ReadFile("/bin/busybox")
		file := filepath.Join(dir, name)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, busybox, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	img := filepath.Join(t.TempDir(), "img")
	order := image.FromDir{Source: dir, Path: img, Size: 16 << 20}
	if err := order.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	return img
}

// debugfs changes an image by commands, a line each.
func debugfs(t *testing.T, img, commands string) {
	t.Helper()
	c := exec.Command("/sbin/debugfs", "-w", img)
	c.Stdin = strings.NewReader(commands)
	if out, err := c.CombinedOutput(); err != nil {
		t.Skipf("debugfs: %v: %s", err, out)
	}
}
