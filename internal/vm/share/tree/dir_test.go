package tree

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestList: every name once, with any room and by both ways, in directories of any size.
func TestList(t *testing.T) {
	d := share(t, Options{})
	want := []string{".", ".."}
	for i := range 700 {
		name := fmt.Sprintf("%0*d", 1+i%250, i)
		d.put(name, "")
		want = append(want, name)
	}
	d.put(strings.Repeat("l", 255), "")
	want = append(want, strings.Repeat("l", 255))
	slices.Sort(want)
	for _, op := range []uint32{opReadDir, opReadDirPlus} {
		for _, room := range []uint32{600, 4096, 32 << 10} {
			if got := slices.Sorted(slices.Values(d.list(op, rootID, room))); !slices.Equal(got, want) {
				t.Errorf("op %d, room %d: %d names, want %d", op, room, len(got), len(want))
			}
		}
	}
}

// TestManyEntries is a directory with many more names than there may be descriptors.
func TestManyEntries(t *testing.T) {
	if testing.Short() {
		t.Skip("it makes many files")
	}
	d := share(t, Options{})
	const n = 20_000
	for i := range n {
		d.put(fmt.Sprint(i), "")
	}
	if got := d.list(opReadDirPlus, rootID, 32<<10); len(got) != n+2 {
		t.Errorf("%d names", len(got))
	}
	if most := d.tree.nodes.most; d.tree.nodes.open > most {
		t.Errorf("%d descriptors, more than %d", d.tree.nodes.open, most)
	}
}
