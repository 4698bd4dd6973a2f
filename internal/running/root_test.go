package running

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"terem/internal/fault"
)

// thesis makes somebody's directory with what a name's has, and something dear to him.
func thesis(t *testing.T, dir string) (home string) {
	t.Helper()
	home = filepath.Join(dir, "home")
	if err := os.MkdirAll(filepath.Join(home, "thesis"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, lockFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return home
}

func untouched(t *testing.T, home string) {
	t.Helper()
	if list, err := os.ReadDir(home); err != nil || len(list) != 2 {
		t.Errorf("left: %v, %v", list, err)
	}
}

// TestForeignRoot: in a directory that another made, or may write to, nothing is looked for and nothing removed.
func TestForeignRoot(t *testing.T) {
	for name, spoil := range map[string]func(root string) error{
		"another's": func(root string) error { return os.Chown(root, 1234, 1234) },
		"open":      func(root string) error { return os.Chmod(root, 0o777) },
		"a link": func(root string) error {
			return errors.Join(os.Rename(root, root+"2"), os.Symlink(root+"2", root))
		},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "another's" && os.Geteuid() != 0 {
				t.Skip("only root gives things away")
			}
			dir := t.TempDir()
			root := filepath.Join(dir, "root")
			home := thesis(t, filepath.Join(root, "web"))
			if err := os.Rename(home, filepath.Join(root, "web2")); err != nil {
				t.Fatal(err)
			}
			if err := spoil(root); err != nil {
				t.Fatal(err)
			}
			_, listed := List(root)
			_, found := Find(root, "web2")
			for _, err := range []error{listed, found} {
				if fault.Status(err) != fault.StatusHost || err == nil || !strings.Contains(err.Error(), root) {
					t.Error(err)
				}
			}
			untouched(t, filepath.Join(root, "web2"))
		})
	}
}

// TestLink: a link under a name leads nowhere, to nobody's files.
func TestLink(t *testing.T) {
	dir := t.TempDir()
	home, root := thesis(t, dir), filepath.Join(dir, "root")
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	inside := thesis(t, filepath.Join(root, "sub")) // to which even a root would follow a link
	for name, to := range map[string]string{"web": home, "near": "sub/home"} {
		if err := os.Symlink(to, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
		if _, err := Find(root, name); fault.Status(err) != fault.StatusUsage || err == nil {
			t.Error(err)
		}
		if d, err := Claim(root, name, ""); err == nil {
			t.Errorf("%s is taken", d.Path)
		}
		if list, err := List(root); err != nil || len(list) > 0 {
			t.Errorf("%q, %v", list, err)
		}
	}
	untouched(t, home)
	untouched(t, inside)
}

// TestReleaseElsewhere: what is released is the directory that was taken, not what has come in its place.
func TestReleaseElsewhere(t *testing.T) {
	dir := t.TempDir()
	home, root := thesis(t, dir), filepath.Join(dir, "root")
	d := claimed(t, root, "web")
	if err := errors.Join(os.Rename(d.Path, d.Path+"2"), os.Symlink(home, d.Path)); err != nil {
		t.Fatal(err)
	}
	if err := d.Release(); err != nil {
		t.Error(err)
	}
	untouched(t, home)
	if _, err := os.Lstat(d.Path); err != nil {
		t.Error(err)
	}
}

// TestDescriptors: what is looked for, taken and given back leaves none open.
func TestDescriptors(t *testing.T) {
	root := t.TempDir()
	count := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	before := count()
	for range 3 {
		d := claimed(t, root, "web")
		if _, err := Claim(root, "web", ""); err == nil {
			t.Error("a name twice")
		}
		if _, err := List(root); err != nil {
			t.Error(err)
		}
		if _, err := Find(root, "other"); err == nil {
			t.Error("what does not run is found")
		}
		if err := d.Release(); err != nil {
			t.Error(err)
		}
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors, then %d", before, after)
	}
}
