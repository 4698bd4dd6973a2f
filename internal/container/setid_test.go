package container

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSetID: with a bind that it can write, root inside leaves nothing there that gives
// rights to a user of the host who executes it.
func TestSetID(t *testing.T) {
	needShift(t)
	for _, users := range []Users{UsersPrivate, UsersHost} {
		source := t.TempDir()
		if err := os.Chmod(source, 0o777); err != nil {
			t.Fatal(err)
		}
		old := filepath.Join(source, "old")
		writeFile(t, old, "a program that was there")
		if err := os.Chmod(old, fs.ModeSetuid|0o755); err != nil {
			t.Fatal(err)
		}
		c := Config{Users: users, Binds: []Bind{{Source: source, Target: "/b"}}}
		must(t, c, "write", "/b/old")
		out := must(t, c, "setid", "/b")
		for line := range strings.Lines(out) {
			name, answer, _ := strings.Cut(strings.TrimSpace(line), " ")
			if want := unix.EPERM.Error(); answer != want && !(name == "openat2" && answer == unix.ENOSYS.Error()) {
				t.Errorf("users %s: %s says %q, want %q", users, name, answer, want)
			}
		}
		files := 0
		err := filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			files++
			info, err := d.Info()
			if err == nil && info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
				t.Errorf("users %s: %s has mode %v", users, path, info.Mode())
			}
			if n, err := unix.Lgetxattr(path, "security.capability", nil); err == nil {
				t.Errorf("users %s: %s has %d bytes of capabilities", users, path, n)
			}
			return err
		})
		if err != nil || files == 0 {
			t.Errorf("users %s: %d files, %v", users, files, err)
		}
	}
}

// TestSetIDWithoutBind: what is not seen outside, or is root's own file system, may have the
// bits: packages are installed there.
func TestSetIDWithoutBind(t *testing.T) {
	needShift(t)
	root := newRoot(t)
	for _, binds := range [][]Bind{nil, {{Source: t.TempDir(), Target: "/b", ReadOnly: true}}} {
		out := must(t, Config{Root: root, Binds: binds}, "setid", "/tmp")
		if strings.Contains(out, unix.EPERM.Error()) {
			t.Errorf("binds %v: %s", binds, out)
		}
	}
	info, err := os.Stat(filepath.Join(root, "tmp", "chmod2048"))
	if err := errors.Join(err, os.RemoveAll(filepath.Join(root, "tmp"))); err != nil {
		t.Fatal(err)
	}
	if info.Mode()&fs.ModeSetuid == 0 {
		t.Errorf("mode %v: this test cannot fail", info.Mode())
	}
}
