package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"terem/memory"
)

// guestOf is RAM of a snapshot's.
func guestOf(t testing.TB, s *Snapshot) *memory.Guest {
	t.Helper()
	g, err := s.Guest()
	mustDo(t, err)
	t.Cleanup(func() { mustDo(t, g.Close()) })
	return g
}

// takeDiff makes a diff of g, whose RAM is the parent's.
func takeDiff(t testing.TB, dir string, replace bool, g *memory.Guest, parent *Snapshot, s State) {
	t.Helper()
	w, err := CreateDiff(dir, replace, parent)
	mustDo(t, err)
	mustDo(t, w.Memory(t.Context(), g))
	mustDo(t, w.Commit(s))
}

// wantRAM wants a snapshot to be whole, and to have these bytes.
func wantRAM(t testing.TB, dir string, want []byte) {
	t.Helper()
	s := mustOpen(t, dir)
	mustDo(t, s.Verify(t.Context()))
	if !bytes.Equal(contents(guestOf(t, s)), want) {
		t.Errorf("RAM of %s differs", dir)
	}
}

// twoRegions is RAM below and above the hole.
func twoRegions(t testing.TB) *memory.Guest {
	t.Helper()
	low, high := newGuest(t, 3*ChunkSize+5*memory.PageSize), newGuest(t, ChunkSize+memory.PageSize)
	g, err := memory.NewFromRegions(low.Regions()[0], memory.Region{Addr: memory.HighRAM, Host: high.Regions()[0].Host})
	mustDo(t, err)
	return g
}

// TestDiff: a diff has what was written and nothing else. A page that has become zero is none that has not changed.
func TestDiff(t *testing.T) {
	top := t.TempDir()
	base, diff := filepath.Join(top, "base"), filepath.Join(top, "diff")
	first := twoRegions(t)
	scatter(first, 1)
	for _, p := range []memory.Addr{1, 2, 3, 600} {
		mustDo(t, first.Store8(p*memory.PageSize, 0xaa))
	}
	take(t, base, false, first, someState())
	parent := mustOpen(t, base)
	g := guestOf(t, parent)
	for a, v := range map[memory.Addr]byte{memory.PageSize: 0xaa, 2 * memory.PageSize: 0, memory.HighRAM + ChunkSize: 9} {
		mustDo(t, g.Store8(a, v)) // as it was; zero; something else
	}
	clear(g.Regions()[0].Host[2*memory.PageSize : 3*memory.PageSize])
	last := (3*ChunkSize + 5*memory.PageSize + ChunkSize) / memory.PageSize
	takeDiff(t, diff, false, g, parent, someState())

	s := mustOpen(t, diff)
	if want := (Runs{{First: 1, Count: 2}, {First: uint64(last), Count: 1}}); !reflect.DeepEqual(s.Memory.Pages, want) {
		t.Errorf("it has %v, want %v", s.Memory.Pages, want)
	}
	if s.Version != VersionDiff || s.Parent.Dir != "../base" || s.Parents() != 1 || string(s.Machine) != string(someState().Machine) {
		t.Errorf("%+v", s.State)
	}
	if used := usedBytes(t, diff+"/memory"); used > 64<<10 {
		t.Errorf("two pages take %d bytes", used)
	}
	wantRAM(t, diff, contents(g))
	wantRAM(t, base, contents(first))
	if bytes.Equal(contents(g), contents(first)) {
		t.Error("nothing has changed")
	}
	if got := names(t, top); got != "base diff" {
		t.Errorf("left: %s", got)
	}
	if own := guestOf(t, s).Changed(); len(own) > 0 {
		t.Errorf("a restored guest has pages of its own: %v", own)
	}
	if err := s.Close(); err != nil || names(t, diff) != "memory state" {
		t.Errorf("%v, files: %s", err, names(t, diff))
	}
}

// TestDiffOfNothing: a guest that wrote nothing.
func TestDiffOfNothing(t *testing.T) {
	top := t.TempDir()
	first := newGuest(t, ChunkSize)
	scatter(first, 5)
	take(t, top+"/base", false, first, someState())
	parent := mustOpen(t, top+"/base")
	takeDiff(t, top+"/diff", false, guestOf(t, parent), parent, someState())
	if s := mustOpen(t, top+"/diff"); s.Memory.Pages != nil {
		t.Errorf("pages %v", s.Memory.Pages)
	}
	wantRAM(t, top+"/diff", contents(first))
}

// TestGenerations: each is a diff of the one before. At the end all of them are what they were.
func TestGenerations(t *testing.T) {
	top := t.TempDir()
	dir := func(n int) string { return filepath.Join(top, fmt.Sprint("g", n)) }
	first := twoRegions(t)
	scatter(first, 2)
	take(t, dir(0), false, first, someState())
	want := [][]byte{contents(first)}
	for n := 1; n <= 10; n++ {
		parent := mustOpen(t, dir(n-1))
		g := guestOf(t, parent)
		at := memory.Addr(n*40) * memory.PageSize
		mustDo(t, g.Store8(at, byte(n)), g.Store8(memory.HighRAM+3*memory.PageSize, byte(n)))
		clear(g.Regions()[0].Host[100*memory.PageSize : (100+n)*memory.PageSize])
		takeDiff(t, dir(n), false, g, parent, State{Machine: json.RawMessage(fmt.Sprint(n))})
		want = append(want, contents(g))
	}
	for n, want := range want {
		wantRAM(t, dir(n), want)
		if s := mustOpen(t, dir(n)); s.Parents() != n || n > 0 && string(s.Machine) != fmt.Sprint(n) {
			t.Errorf("generation %d has %d parents, machine %s", n, s.Parents(), s.Machine)
		}
	}
	moved := t.TempDir() + "/elsewhere" // all together
	mustDo(t, os.Rename(top, moved), os.Mkdir(top, 0o700))
	wantRAM(t, moved+"/g10", want[10])
	mustDo(t, os.Symlink(moved+"/g10", top+"/link"))
	wantRAM(t, top+"/link", want[10])
	whole := top + "/whole" // of a diff, without --diff
	take(t, whole, false, guestOf(t, mustOpen(t, moved+"/g10")), someState())
	mustDo(t, os.RemoveAll(moved))
	wantRAM(t, whole, want[10])
}

// chainOf is snapshots g0, which is whole, g1 and so on in a new directory.
func chainOf(t testing.TB, length int) (top string) {
	t.Helper()
	top = t.TempDir()
	for n := range length {
		dir := fmt.Sprintf("%s/g%d", top, n)
		if n == 0 {
			take(t, dir, false, newGuest(t, 4*memory.PageSize), someState())
			continue
		}
		parent, err := Open(fmt.Sprintf("%s/g%d", top, n-1))
		mustDo(t, err)
		g, err := parent.Guest()
		mustDo(t, err, g.Store8(memory.PageSize, byte(n)))
		takeDiff(t, dir, false, g, parent, someState())
		mustDo(t, g.Close(), parent.Close())
	}
	return top
}

// TestChainRefused spoils a chain of three. Each is one line that names the parent.
func TestChainRefused(t *testing.T) {
	whole := chainOf(t, 3)
	parent := func(from, to string) func(*testing.T, string) {
		return func(t *testing.T, top string) {
			reseal(t, top+"/g2", strings.Replace(stateText(t, top+"/g2"), from, to, 1))
		}
	}
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, top string)
		words string
	}{
		{"no parent", func(t *testing.T, top string) { mustDo(t, os.Rename(top+"/g1", top+"/g3")) },
			"its parent TOP/g1: no such file or directory; bring back the one of which it is the difference"},
		{"no grandparent", func(t *testing.T, top string) { mustDo(t, os.RemoveAll(top+"/g0")) }, "its parent TOP/g0: no such file"},
		{"a file", func(t *testing.T, top string) {
			mustDo(t, os.RemoveAll(top+"/g0"), os.WriteFile(top+"/g0", nil, 0o600))
		}, "its parent TOP/g0: not a directory"},
		{"no state", func(t *testing.T, top string) { mustDo(t, os.Remove(top+"/g0/state")) }, "its parent TOP/g0: it is not a snapshot: state: no such file"},
		{"another parent", func(t *testing.T, top string) {
			take(t, top+"/g0", true, newGuest(t, 4*memory.PageSize), someState())
		}, "its parent TOP/g0: it is not the snapshot any more of which this one is the difference; bring back"},
		{"parent damaged", func(t *testing.T, top string) { patch(t, top+"/g0/memory", 5, 1) }, "its parent TOP/g0: memory is damaged in the 16384 bytes"},
		{"parent cut", func(t *testing.T, top string) { mustDo(t, os.Truncate(top+"/g1/memory", 0)) }, "its parent TOP/g1: memory has 0 bytes, not 16384"},
		{"parent newer", func(t *testing.T, top string) {
			reseal(t, top+"/g0", strings.Replace(stateText(t, top+"/g0"), `{"Version":1`, `{"Version":3`, 1))
		}, "its parent TOP/g0: it has version 3"},
		{"itself", parent(`"Dir":"../g1"`, `"Dir":"."`), "its parent TOP/g2: the parents lead in a circle"},
		{"a circle", func(t *testing.T, top string) {
			mustDo(t, os.RemoveAll(top+"/g0"), os.Symlink("g2", top+"/g0"))
		}, "its parent TOP/g0: the parents lead in a circle"},
		{"no path", parent(`"Dir":"../g1"`, `"Dir":""`), `its parent's path, "", is not a relative one`},
		{"absolute", parent(`"Dir":"../g1"`, `"Dir":"/g1"`), `its parent's path, "/g1", is not a relative one`},
		{"NUL", parent(`"Dir":"../g1"`, `"Dir":"g\u0000"`), "is not a relative one"},
		{"too long", parent(`"Dir":"../g1"`, `"Dir":"../`+strings.Repeat("g", 5000)+`"`), "is not a relative one"},
		{"digest", parent(`"State":"`, `"State":"zz`), "digest"},
		{"pages", parent(`"Pages":"1"`, `"Pages":"4"`), "bad runs of pages"},
		{"no pages", parent(`"Pages":"1"`, `"Pages":"-"`), "the list of pages is none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			top := copyOf(t, whole)
			c.spoil(t, top)
			s, err := Open(top + "/g2")
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			wantLine(t, err, "snapshot "+top+"/g2: ", strings.ReplaceAll(c.words, "TOP", top))
		})
	}
	s := mustOpen(t, whole+"/g2")
	patch(t, whole+"/g0/memory", 5, 1)
	wantLine(t, s.Verify(t.Context()), "snapshot "+whole+"/g2: its parent "+whole+"/g0: memory is damaged")
}

// TestOtherSize: a parent of another size, by its own words.
func TestOtherSize(t *testing.T) {
	top := chainOf(t, 2)
	take(t, top+"/small", false, newGuest(t, memory.PageSize), someState())
	onto(t, top, "g1", "small", "odd")
	_, err := Open(top + "/odd")
	wantLine(t, err, "its parent "+top+"/small: it is of another size of RAM")
}

// onto makes a diff of a snapshot, by its state alone: to write many takes long.
func onto(t testing.TB, top, diff, parent, to string) {
	t.Helper()
	mustDo(t, os.CopyFS(top+"/"+to, os.DirFS(top+"/"+diff)))
	s := mustOpen(t, top+"/"+diff)
	_, text, err := readStateOf(top + "/" + parent)
	mustDo(t, err)
	old, err1 := s.Parent.State.MarshalText()
	now, err2 := Digest(sha256.Sum256(text)).MarshalText()
	mustDo(t, err1, err2)
	state := strings.Replace(stateText(t, top+"/"+diff), string(old), string(now), 1)
	reseal(t, top+"/"+to, strings.Replace(state, `"Dir":"`+s.Parent.Dir, `"Dir":"../`+parent, 1))
}

func readStateOf(dir string) (*State, []byte, error) {
	in, err := openDir(dir)
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	return readState(in, maxState)
}

// TestLongChain: the longest chain can be read, and a longer one is not made, nor read.
func TestLongChain(t *testing.T) {
	top := chainOf(t, 2)
	for n := 2; n <= MaxChain; n++ {
		onto(t, top, "g1", fmt.Sprint("g", n-1), fmt.Sprint("g", n))
	}
	s := mustOpen(t, fmt.Sprint(top, "/g", MaxChain-1))
	if n := s.Parents(); n != MaxChain-1 {
		t.Errorf("%d parents", n)
	}
	if v, err := guestOf(t, s).Load8(memory.PageSize); err != nil || v != 1 {
		t.Errorf("%d, %v", v, err)
	}
	_, err := CreateDiff(top+"/more", false, s)
	wantLine(t, err, "make snapshot "+top+"/more: a chain of more than 64 snapshots; take a whole one, without Diff")
	_, err = Open(fmt.Sprint(top, "/g", MaxChain))
	wantLine(t, err, "a chain of more than 64 snapshots")
}

// TestStatesTogether: the states of a chain are not more than one may have, so that who writes many costs no more memory.
func TestStatesTogether(t *testing.T) {
	top := chainOf(t, 2)
	s := mustOpen(t, top+"/g1")
	room := int64(maxState)
	if s.size <= 0 || s.parent.size <= 0 {
		t.Fatalf("states of %d and %d bytes", s.size, s.parent.size)
	}
	s.size = room - s.parent.size
	mustDo(t, s.parent.Close())
	s.parent = nil
	if err := s.openParents(); err != nil {
		t.Errorf("just enough room: %v", err)
	}
	mustDo(t, s.parent.Close())
	s.size, s.parent = s.size+1, nil
	if err := s.openParents(); err == nil || !strings.Contains(err.Error(), "state has more than") {
		t.Errorf("a byte less: %v", err)
	}
}

// TestCreateDiffRefuses: a parent that is not there any more, and one that the diff would replace.
func TestCreateDiffRefuses(t *testing.T) {
	top := chainOf(t, 2)
	s := mustOpen(t, top+"/g1")
	g := guestOf(t, s)
	for _, dir := range []string{"/g0", "/g1"} {
		_, err := CreateDiff(top+dir, true, s)
		wantLine(t, err, "it is a parent, and others need it; name another directory")
		_, err = CreateDiff(top+dir, false, s)
		wantLine(t, err, "it exists")
	}
	late, err := CreateDiff(top+"/late", false, s)
	mustDo(t, err, late.Memory(t.Context(), g))

	// Moved, it is found all the same. That its own parent is not beside it any more is no matter here.
	mustDo(t, os.Mkdir(top+"/sub", 0o700), os.Rename(top+"/g1", top+"/sub/other"))
	takeDiff(t, top+"/sub/moved", false, g, s, someState())
	mustDo(t, os.Rename(top+"/sub/other", top+"/g1"))
	takeDiff(t, top+"/back", false, g, s, someState())
	wantRAM(t, top+"/back", contents(g))

	take(t, top+"/g1", true, g, someState()) // it is replaced, and its files are removed
	gone := "the snapshot that the machine came from is there no more; take a whole one, without Diff"
	_, err = CreateDiff(top+"/diff", false, s)
	wantLine(t, err, gone)
	wantLine(t, late.Commit(someState()), gone)
	if got := names(t, top); got != "back g0 g1 sub" {
		t.Errorf("left: %s", got)
	}
	_, err = Open(top + "/back")
	wantLine(t, err, "its parent "+top+"/g1: it is not the snapshot any more")
}

// TestDiffOfAnother: RAM that is not the parent's is not taken.
func TestDiffOfAnother(t *testing.T) {
	top := chainOf(t, 1)
	w, err := CreateDiff(top+"/diff", false, mustOpen(t, top+"/g0"))
	mustDo(t, err)
	wantLine(t, w.Memory(t.Context(), newGuest(t, memory.PageSize)), "another size of RAM")
	mustDo(t, w.Abort())
}

// TestDiffFails makes a system call fail. Nothing is left, an old diff is as it was, and the next one succeeds.
func TestDiffFails(t *testing.T) {
	top := chainOf(t, 2)
	parent := mustOpen(t, top+"/g0")
	g := guestOf(t, parent)
	mustDo(t, g.Store8(0, 1))
	for _, nr := range []uintptr{unix.SYS_FSYNC, unix.SYS_RENAMEAT2} {
		w, err := CreateDiff(top+"/g1", true, parent)
		mustDo(t, err, w.Memory(t.Context(), g))
		refusing(t, nr, anyFile, unix.ENOSPC, func() { err = w.Commit(someState()) })
		wantLine(t, err, "make snapshot "+top+"/g1: ", "no space left on device")
		if got := names(t, top); got != "g0 g1" {
			t.Errorf("left: %s", got)
		}
		if v, err := guestOf(t, mustOpen(t, top+"/g1")).Load8(memory.PageSize); err != nil || v != 1 {
			t.Errorf("the old one has %d, %v", v, err)
		}
	}
	takeDiff(t, top+"/g1", true, g, parent, someState())
	wantRAM(t, top+"/g1", contents(g))
}

// TestDiffDescriptors: whatever happens, none is left open.
func TestDiffDescriptors(t *testing.T) {
	top := chainOf(t, 3)
	before := names(t, "/proc/self/fd")
	s, err := Open(top + "/g2")
	mustDo(t, err, s.Verify(t.Context()))
	g, err := s.Guest()
	mustDo(t, err)
	w, err := CreateDiff(top+"/g3", false, s)
	mustDo(t, err, w.Memory(t.Context(), g), w.Abort())
	_, err = CreateDiff(top+"/g0", true, s)
	mustDo(t, wants(err, errOwnChain), g.Close(), s.Close(), os.RemoveAll(top+"/g0"))
	if _, err := Open(top + "/g2"); err == nil {
		t.Error("opened")
	}
	if after := names(t, "/proc/self/fd"); after != before {
		t.Errorf("descriptors %s, and before %s", after, before)
	}
}

func TestRunsText(t *testing.T) {
	for text, want := range map[string]Runs{
		"":               nil,
		"0":              {{First: 0, Count: 1}},
		"3+2 9 12+4":     {{First: 3, Count: 2}, {First: 9, Count: 1}, {First: 12, Count: 4}},
		"17179869183+17": {{First: 17179869183, Count: 17}},
	} {
		var got Runs
		mustDo(t, got.UnmarshalText([]byte(text)))
		back, err := got.MarshalText()
		if mustDo(t, err); !reflect.DeepEqual(got, want) || string(back) != text {
			t.Errorf("%q is %v, and back %q", text, got, back)
		}
	}
	for _, text := range []string{" ", "1 ", " 1", "1  2", "+1", "1+", "1+2+3", "1,2", "-1", "0x1", "9999999999999999", "1+9999999999999999", "1\x00", "1 +2"} {
		var got Runs
		if err := got.UnmarshalText([]byte(text)); !errors.Is(err, errRuns) {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}

func FuzzRuns(f *testing.F) {
	f.Add("3+2 9 12+4")
	f.Add("9999999999999999 1+")
	f.Fuzz(func(t *testing.T, text string) {
		var runs, again Runs
		if runs.UnmarshalText([]byte(text)) != nil || len(runs) > len(text) {
			return
		}
		b, err := runs.MarshalText()
		if mustDo(t, err, again.UnmarshalText(b)); !reflect.DeepEqual(runs, again) {
			t.Errorf("%q is %v, and %q is %v", text, runs, b, again)
		}
	})
}

func TestLacks(t *testing.T) {
	runs := Runs{{First: 2, Count: 3}, {First: 8, Count: 10}}
	for _, c := range []struct {
		first uint64
		want  string // a dot for each that no run has
	}{{0, "..xxx...xx"}, {0, ".."}, {4, "x...x"}, {5, "..."}, {9, "xxx"}, {16, "xx.."}, {18, "..."}} {
		pages := make([]bool, len(c.want))
		all := lacks(runs, c.first, pages)
		for i, lacks := range pages {
			if lacks != (c.want[i] == '.') {
				t.Errorf("from %d on: %v, want %s", c.first, pages, c.want)
				break
			}
		}
		if all != !strings.Contains(c.want, "x") {
			t.Errorf("from %d on: all %v", c.first, all)
		}
	}
}
