package image

import (
	"archive/tar"
	"os"
	"path/filepath"
	"testing"
)

// TestOddNames makes and checks images whose names e2fsprogs would take for something else.
func TestOddNames(t *testing.T) {
	needTools(t)
	dir := t.TempDir()
	source := makeTar(t, dir, tar.Header{Name: "file", Mode: 0o644})
	t.Chdir(dir)
	for _, sub := range []string{"-z", "from"} {
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"-x.img", "LABEL=x.img", "x?offset=512.img", "x?offset=512", "-z/y.img", " a b.img"} {
		for _, from := range []string{source, filepath.Join(dir, "from")} {
			order := FromDir{Source: from, Path: name, Size: 8 << 20, Force: true}
			if err := order.Make(t.Context()); err != nil {
				t.Errorf("make %q from %s: %v", name, from, err)
				continue
			}
			if r, err := Check(t.Context(), name); err != nil || len(r.Problems) > 0 || len(r.Notes) != 1 || !r.Checked {
				t.Errorf("check %q: %+v, %v", name, r, err)
			}
		}
	}
	if _, err := os.Stat("x"); err == nil {
		t.Error("there is a file that nobody has named")
	}
}
