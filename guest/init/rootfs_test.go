package pid1

import (
	"path"
	"slices"
	"strings"
	"testing"
)

func TestEntries(t *testing.T) {
	all, err := Entries()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []Entry{
		{Dir, "/root", ""},
		{Link, "/bin/sh", "busybox"},
		{File, "/etc/profile", "export PS1='\\h:\\w\\$ '\nalias ll='ls -l'\n"},
	} {
		if !slices.Contains(all, want) {
			t.Errorf("%+v is not among the entries", want)
		}
	}
	header, err := source.ReadFile("src/rootfs.h")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count("\n"+string(header), "\nDIR(") + strings.Count(string(header), "\nLINK(") + strings.Count(string(header), "\nFILE("); n != len(all) {
		t.Errorf("%d entries, the table has %d", len(all), n)
	}
	for _, e := range all {
		if !path.IsAbs(e.Name) || path.Clean(e.Name) != e.Name {
			t.Errorf("%q is no plain absolute name", e.Name)
		}
	}
}

// TestMountPoints finds each of them in the C source.
func TestMountPoints(t *testing.T) {
	b, err := source.ReadFile("src/mounts.c")
	if err != nil {
		t.Fatal(err)
	}
	for dir := range MountPoints() {
		if !strings.Contains(string(b), `"`+dir+`"`) {
			t.Errorf("mounts.c does not mount anything on %s", dir)
		}
	}
}

func TestParseEntryRefuses(t *testing.T) {
	for _, s := range []string{`DIR()`, `DIR("/a", "b")`, `LINK("/a")`, `FILE("/a", "\x41")`, `DIR("/a") // why`, `NODE("/a")`} {
		if e, err := parseEntry(s); err == nil {
			t.Errorf("%s was read as %+v", s, e)
		}
	}
}
