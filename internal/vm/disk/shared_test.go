package disk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckShared(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"a", "b", "o"} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a", "link"); err != nil {
		t.Fatal(err)
	}
	abs, err := filepath.Abs("a")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ disks, want string }{
		{"a b", ""},
		{"a,ro a,ro", ""},
		{"a,overlay=o a,overlay=new a,ro", ""},
		{"missing missing", ""},
		{"a a", "Disks a: it is there twice"},
		{"a " + abs, "Disks " + abs + ": it is there twice"},
		{"a,ro link", "Disks link: it is there twice"},
		{"a,overlay=a", "Disks a,overlay=a: the overlay is the disk itself"},
		{"a,overlay=link", "the overlay is the disk itself"},
		{"a,overlay=o b,overlay=o", "Disks b,overlay=o: another disk has the same overlay"},
		{"b a,overlay=b", "Disks a,overlay=b: the overlay is another disk"},
		{"a,overlay=b b,ro", "Disks b: it is the overlay of another disk"},
	} {
		var specs []Spec
		for word := range strings.FieldsSeq(tt.disks) {
			s, err := ParseSpec(word)
			if err != nil {
				t.Fatal(err)
			}
			specs = append(specs, s)
		}
		err := checkShared(specs)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.disks, err, tt.want)
		}
	}
}
