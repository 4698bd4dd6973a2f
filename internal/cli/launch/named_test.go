package launch

import (
	"slices"
	"strings"
	"testing"

	"terem/internal/vm/disk"
)

func TestNamed(t *testing.T) {
	for _, tt := range []struct{ given, want string }{
		{"", "disk0"},
		{",,", "disk0,disk1,disk2"},
		{",data,", "disk0,data,disk2"},
		{",disk0", "disk1,disk0"},
		{"disk2,,,", "disk2,disk1,disk3,disk4"},
	} {
		var specs []disk.Spec
		for id := range strings.SplitSeq(tt.given, ",") {
			specs = append(specs, disk.Spec{Path: "p", ID: id})
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
	_, err := openDisks(&Options{Disks: []disk.Spec{{Path: "/nowhere/a", ID: "x"}, {Path: "/nowhere/b"}, {Path: "/nowhere/c", ID: "x"}}}, nil)
	if want := "Disks /nowhere/c,id=x: another disk has that id; give each its own"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
