package image

import (
	"crypto/rand"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"terem/internal/vm/disk/content"
)

func copyOf(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// TestCheckLines: each damage is one line with what mends it, and e2fsck's own words are
// kept apart.
func TestCheckLines(t *testing.T) {
	path := extImage(t)
	cut, damaged, badly := copyOf(t, path), copyOf(t, path), copyOf(t, path)
	if err := os.Truncate(cut, 3<<20); err != nil {
		t.Fatal(err)
	}
	if out, stderr, _, err := runTool(t.Context(), "debugfs", "-w", "-R", "set_inode_field / links_count 9", damaged); err != nil {
		t.Fatalf("%s%s%v", out, stderr, err)
	}
	f, err := os.OpenFile(badly, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(strings.Repeat("nonsense", 512)), 4096); err != nil || f.Close() != nil { // group descriptors
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path, want string
		details    bool
	}{
		{cut, "the file system (ext4): cut short, it needs 16 MiB and has 3 MiB; copy the image again from where it came", false},
		{damaged, "the file system (ext4): damaged; keep a copy, then repair it with `e2fsck -f " + damaged + "`", true},
		{badly, "the file system (ext4): e2fsck gives up: it is badly damaged, or newer than this e2fsck; -v shows what it says, and if it is damage, keep a copy, then repair it with `e2fsck -f " + badly + "`", true},
	} {
		r, err := Check(t.Context(), tt.path)
		if err != nil || len(r.Problems) != 1 || r.Problems[0] != tt.want || !r.Checked || tt.details != (len(r.Details) > 0) {
			t.Errorf("%+v, %v; want %q", r, err, tt.want)
		}
		for _, d := range r.Details {
			if strings.Contains(d, imageName) {
				t.Errorf("a name that means nothing to the user: %s", d)
			}
		}
	}
	if in, err := Examine(cut); err != nil || in.Content.FileSystem.State != content.StateCut || in.Content.FileSystem.Size != 16<<20 {
		t.Errorf("%+v, %v", in, err)
	}
}

// TestNothingToCheck: what was not looked at is not called clean.
func TestNothingToCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "random")
	b := make([]byte, 1<<20)
	rand.Read(b)
	b[510] = 0 // no boot sector, even by chance
	for what, b := range map[string][]byte{"random": b, "empty": make([]byte, 1<<20)} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Check(t.Context(), path)
		if err != nil || r.Checked || len(r.Problems) > 0 || strings.Contains(strings.Join(r.Notes, ""), "clean") || !strings.Contains(strings.Join(r.Notes, ""), "no file system") {
			t.Errorf("%s: %+v, %v", what, r, err)
		}
	}
}

// TestCutPartition: a partition that is not all there is found, and is no reason to read
// behind the end.
func TestCutPartition(t *testing.T) {
	b := make([]byte, 3<<20)
	b[510], b[511] = 0x55, 0xaa
	binary.LittleEndian.PutUint32(b[446+8:], 4096) // the sector at which the first begins
	binary.LittleEndian.PutUint32(b[446+12:], 4096)
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Check(t.Context(), path)
	if err != nil || len(r.Problems) != 1 || !strings.HasPrefix(r.Problems[0], "partition 1: cut short, it needs 4 MiB and has 3 MiB") {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestQcow2Unreadable: what cannot be read is not called unknown.
func TestQcow2Unreadable(t *testing.T) {
	path := extImage(t)
	qemuImg(t, "convert", "-O", "qcow2", path, path+".qcow2")
	if err := os.Truncate(path+".qcow2", 256<<10); err != nil { // header, refcounts and the L1 table are there
		t.Fatal(err)
	}
	in, err := Examine(path + ".qcow2")
	if err != nil || in.Content != nil || in.Why == "" {
		t.Errorf("%+v, %v", in, err)
	}
	if r, err := Check(t.Context(), path+".qcow2"); err != nil || len(r.Problems) == 0 || !strings.Contains(r.Mend, "copy it again") {
		t.Errorf("%+v, %v", r, err)
	}
}
