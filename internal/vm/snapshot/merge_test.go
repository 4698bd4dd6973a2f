package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"

	"terem/memory"
)

// bigChain is three snapshots with some data, of two regions; want is what the last has.
func bigChain(t testing.TB) (top string, want []byte) {
	t.Helper()
	top = t.TempDir()
	first := twoRegions(t)
	scatter(first, 4)
	take(t, top+"/g0", false, first, someState())
	for n := 1; n <= 2; n++ {
		parent := mustOpen(t, fmt.Sprintf("%s/g%d", top, n-1))
		g := guestOf(t, parent)
		for page := range memory.Addr(200) {
			mustDo(t, g.Store8((page*7+memory.Addr(n))*memory.PageSize, byte(n)))
		}
		clear(g.Regions()[0].Host[ChunkSize : ChunkSize+n*50*memory.PageSize])
		mustDo(t, g.Store8(memory.HighRAM+memory.Addr(n)*memory.PageSize, byte(n)))
		takeDiff(t, fmt.Sprintf("%s/g%d", top, n), false, g, parent, State{Made: someState().Made, Request: json.RawMessage("1"), Machine: json.RawMessage(fmt.Sprint(n))})
		want = contents(g)
	}
	return top, want
}

// TestMerge: what comes out is whole, needs nobody, and has holes where there are zeros.
func TestMerge(t *testing.T) {
	top, want := bigChain(t)
	mustDo(t, Merge(t.Context(), top+"/g2", top+"/all", false))
	direct := top + "/direct"
	take(t, direct, false, guestOf(t, mustOpen(t, top+"/g2")), someState())
	if merged, taken := usedBytes(t, top+"/all/memory"), usedBytes(t, direct+"/memory"); merged > taken+64<<10 {
		t.Errorf("it takes %d bytes, and a snapshot of that RAM %d", merged, taken)
	}
	mustDo(t, os.RemoveAll(top+"/g0"), os.RemoveAll(top+"/g1"))
	wantRAM(t, top+"/all", want)
	s := mustOpen(t, top+"/all")
	if s.Version != Version || s.Parents() != 0 || string(s.Machine) != "2" || string(s.Request) != "1" || s.Made != someState().Made {
		t.Errorf("%+v", s.State)
	}
	if d := mustOpen(t, direct); fmt.Sprint(d.Memory.Sums) != fmt.Sprint(s.Memory.Sums) {
		t.Error("its sums are not those of its RAM")
	}
	mustDo(t, Merge(t.Context(), top+"/all", top+"/copy", false)) // of a whole one, a copy
	wantRAM(t, top+"/copy", want)
	if got := names(t, top); got != "all copy direct g2" {
		t.Errorf("left: %s", got)
	}
}

// TestMergeInPlace: a diff becomes whole where it is. What was a diff of it does not know it any more.
func TestMergeInPlace(t *testing.T) {
	top, want := bigChain(t)
	wantLine(t, Merge(t.Context(), top+"/g2", top+"/g2", false), "make snapshot "+top+"/g2: it exists")
	mustDo(t, Merge(t.Context(), top+"/g2", top+"/g2", true))
	if s := mustOpen(t, top+"/g2"); s.Parents() != 0 {
		t.Errorf("%d parents", s.Parents())
	}
	wantRAM(t, top+"/g2", want)
	mustDo(t, Merge(t.Context(), top+"/g1", top+"/g1", true))
	wantRAM(t, top+"/g2", want)
}

func TestMergeRefuses(t *testing.T) {
	top, _ := bigChain(t)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Merge(canceled, top+"/g2", top+"/all", false); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	wantLine(t, Merge(t.Context(), top+"/g2", top+"/g0", true), "make snapshot "+top+"/g0: it is a parent, and others need it")
	wantLine(t, Merge(t.Context(), top+"/g2", top+"/none/all", false), "no such file or directory; name one in a directory")
	wantLine(t, Merge(t.Context(), top+"/g3", top+"/all", false), "snapshot "+top+"/g3: no such file")
	patch(t, top+"/g1/memory", 5, 77)
	wantLine(t, Merge(t.Context(), top+"/g2", top+"/all", false), "its parent "+top+"/g1: memory is damaged")
	if got := names(t, top); got != "g0 g1 g2" {
		t.Errorf("left: %s", got)
	}
}

// TestMergeOfDamage: a medium that has lost what nobody wrote to is not given new sums.
func TestMergeOfDamage(t *testing.T) {
	top, _ := bigChain(t)
	s := mustOpen(t, top+"/g1")
	s.Memory.Sums[0]++ // as good as a byte
	s.Version = VersionDiff
	text, err := encode(&s.State)
	mustDo(t, err, os.WriteFile(top+"/g1/state", text, 0o600))
	wantLine(t, Merge(t.Context(), top+"/g1", top+"/all", false), "snapshot "+top+"/g1: memory is damaged")
	if got := names(t, top); got != "g0 g1 g2" {
		t.Errorf("left: %s", got)
	}
}

// TestMergeCut: a file that is cut short, or written to, after it was verified.
func TestMergeCut(t *testing.T) {
	top, _ := bigChain(t)
	s := mustOpen(t, top+"/g2")
	for _, spoil := range []func(){
		func() { patch(t, top+"/g1/memory", 7, 1) },
		func() { mustDo(t, os.Truncate(top+"/g0/memory", ChunkSize+5)) },
	} {
		before := s.identities()
		w, err := Create(top+"/all", false)
		mustDo(t, err)
		spoil()
		mustDo(t, wants(w.writeChain(t.Context(), s, before), errWritten), w.Abort())
	}
}
