package disk

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestNamed(t *testing.T) {
	for _, tt := range []struct{ given, want string }{
		{"", "disk0"},
		{",,", "disk0,disk1,disk2"},
		{",data,", "disk0,data,disk2"},
		{",disk0", "disk1,disk0"},
		{"disk2,,,", "disk2,disk1,disk3,disk4"},
	} {
		var specs []Spec
		for id := range strings.SplitSeq(tt.given, ",") {
			specs = append(specs, Spec{Path: "p", ID: id})
		}
		before := slices.Clone(specs)
		got, err := named(specs)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, s := range got {
			ids = append(ids, s.ID)
		}
		if s := strings.Join(ids, ","); s != tt.want {
			t.Errorf("%q: %s, want %s", tt.given, s, tt.want)
		}
		if !slices.Equal(specs, before) {
			t.Errorf("%q: the caller's disks have changed", tt.given)
		}
	}
	_, err := OpenAll([]Spec{{Path: "/nowhere/a", ID: "x"}, {Path: "/nowhere/b"}, {Path: "/nowhere/c", ID: "x"}}, Options{})
	if want := "Disks /nowhere/c,id=x: another disk has that id; give each its own"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// TestOpenAllOrNone: if the last disk cannot be opened, the others are free again.
func TestOpenAllOrNone(t *testing.T) {
	first := rawImage(t, 4096, []byte("x"))
	if disks, err := OpenAll([]Spec{{Path: first}, {Path: "/nowhere/b"}}, Options{}); err == nil || disks != nil {
		t.Fatalf("%v, %v", disks, err)
	}
	disks, err := OpenAll([]Spec{{Path: first}}, Options{})
	if err != nil || len(disks) != 1 || disks[0].Traits().ID != "disk0" {
		t.Fatalf("%v, %v", disks, err)
	}
	if err := disks[0].Close(); err != nil {
		t.Error(err)
	}
}

// TestUnmake: an overlay that was made for a run that did not begin goes, and one that was there stays.
func TestUnmake(t *testing.T) {
	base := rawImage(t, 4096, []byte("x"))
	s := []Spec{{Path: base, Overlay: base + ".over"}}
	if _, err := OpenAll(append(s, Spec{Path: "/nowhere/b"}), Options{}); err == nil {
		t.Fatal("a missing disk was opened")
	}
	if _, err := os.Stat(s[0].Overlay); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after a failure the overlay is there: %v", err)
	}
	for range 2 { // made, then found
		disks, err := OpenAll(s, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := disks[0].Close(); err != nil {
			t.Fatal(err)
		}
	}
	disks, err := OpenAll(s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	disks[0].Unmake()
	if _, err := os.Stat(s[0].Overlay); err != nil {
		t.Errorf("an overlay of an earlier run: %v", err)
	}
}
