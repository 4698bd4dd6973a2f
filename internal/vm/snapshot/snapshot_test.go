package snapshot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"terem/internal/fault"
	"terem/memory"
)

func mustDo(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func newGuest(t testing.TB, size uint64) *memory.Guest {
	t.Helper()
	g, err := memory.New(size)
	mustDo(t, err)
	t.Cleanup(func() { mustDo(t, g.Close()) })
	return g
}

// scatter writes random bytes into some pages, some runs of them, and one whole chunk.
func scatter(g *memory.Guest, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	for _, region := range g.Regions() {
		for at := 0; at < len(region.Host); at += memory.PageSize * (1 + r.IntN(40)) {
			for range min(1+r.IntN(5), (len(region.Host)-at)/memory.PageSize) {
				region.Host[at+r.IntN(memory.PageSize)] = byte(1 + r.IntN(255))
				at += memory.PageSize
			}
		}
	}
}

func contents(g *memory.Guest) []byte {
	var b []byte
	for _, r := range g.Regions() {
		b = append(b, r.Host...)
	}
	return b
}

func someState() State {
	return State{
		Made: Origin{Terem: "v1", Kernel: "6.12", Backend: "software", Vendor: "GenuineIntel", Model: "a CPU",
			Time: time.Date(2026, 11, 30, 1, 2, 3, 4, time.UTC)},
		Request: json.RawMessage(`{"a":1}`), Machine: json.RawMessage(`{"b":[1,2]}`),
	}
}

// take makes a snapshot of g.
func take(t testing.TB, dir string, replace bool, g *memory.Guest, s State) {
	t.Helper()
	w, err := Create(dir, replace)
	mustDo(t, err)
	mustDo(t, w.Memory(t.Context(), g))
	mustDo(t, w.Commit(s))
}

func mustOpen(t testing.TB, dir string) *Snapshot {
	t.Helper()
	s, err := Open(dir)
	mustDo(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// names are what lies in a directory.
func names(t testing.TB, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	mustDo(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func wantLine(t testing.TB, err error, words ...string) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v, want a fault with %q", err, words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q, want %q in one line", err, w)
		}
	}
}

// TestRoundTrip: RAM of two regions, the second with a chunk that is not whole.
func TestRoundTrip(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "snap")
	low, high := newGuest(t, 3*ChunkSize+5*memory.PageSize), newGuest(t, ChunkSize+memory.PageSize)
	g, err := memory.NewFromRegions(low.Regions()[0], memory.Region{Addr: memory.HighRAM, Host: high.Regions()[0].Host})
	mustDo(t, err)
	scatter(g, 1)
	clear(low.Regions()[0].Host[ChunkSize : 2*ChunkSize])
	take(t, dir, false, g, someState())

	s := mustOpen(t, dir)
	mustDo(t, s.Verify(t.Context()))
	want := someState()
	if s.Version != 1 || !reflect.DeepEqual(s.Made, want.Made) || string(s.Request) != `{"a":1}` || string(s.Machine) != `{"b":[1,2]}` {
		t.Errorf("state %+v", s.State)
	}
	if len(s.Memory.Sums) != 4+2 || s.Memory.Size() != int64(g.Size()) {
		t.Errorf("memory %+v", s.Memory)
	}
	file, err := io.ReadAll(io.NewSectionReader(s.MemoryFile(), 0, s.Memory.Size()))
	if mustDo(t, err); !bytes.Equal(file, contents(g)) {
		t.Error("the file differs from RAM")
	}
	restored, err := s.Guest()
	mustDo(t, err, s.Close())
	defer restored.Close()
	if !bytes.Equal(contents(restored), contents(g)) || restored.Regions()[1].Addr != memory.HighRAM {
		t.Error("RAM differs")
	}
	if got := names(t, top); got != "snap" {
		t.Errorf("left: %s", got)
	}
	if got := names(t, dir); got != "memory state" {
		t.Errorf("files: %s", got)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700 | os.ModeDir, dir + "/memory": 0o600, dir + "/state": 0o600} {
		if st, err := os.Stat(path); err != nil || st.Mode() != want {
			t.Errorf("%s: %v, %v", path, st.Mode(), err)
		}
	}
}

// TestOwnFile: a machine that was restored from a snapshot replaces it, and goes on with the pages of the file that is gone.
func TestOwnFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "snap")
	first := newGuest(t, 2*ChunkSize)
	scatter(first, 2)
	take(t, dir, false, first, someState())
	for n := range byte(10) { // generations
		g, err := mustOpen(t, dir).Guest()
		mustDo(t, err, g.Store8(ChunkSize+memory.Addr(n)*memory.PageSize, n+1))
		want := contents(g)
		take(t, dir, true, g, someState())
		if !bytes.Equal(contents(g), want) {
			t.Fatal("RAM of the machine changed by its own snapshot")
		}
		s := mustOpen(t, dir)
		mustDo(t, s.Verify(t.Context()), g.Close())
		again, err := s.Guest()
		if mustDo(t, err); !bytes.Equal(contents(again), want) {
			t.Fatalf("generation %d differs", n)
		}
		mustDo(t, again.Close())
	}
}

// TestHoles: pages of zeros take no room, and to look at RAM brings no page of it.
func TestHoles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "snap")
	g := newGuest(t, 64<<20)
	mustDo(t, g.Store8(5*memory.PageSize, 1), g.Store8(40<<20, 0)) // one page of data, one of zeros
	before := blankPages(t, g)
	take(t, dir, false, g, someState())
	if n := usedBytes(t, dir+"/memory"); n > 256<<10 {
		t.Errorf("one page of data takes %d bytes", n)
	}
	if after := blankPages(t, g); after != before {
		t.Errorf("%d pages are untouched, and were %d", after, before)
	}
}

// blankPages counts pages of g that nobody has touched.
func blankPages(t *testing.T, g *memory.Guest) int {
	t.Helper()
	l := g.Looker()
	defer l.Close()
	pages := make([]bool, g.Size()/memory.PageSize)
	mustDo(t, l.Blank(0, pages))
	return len(slices.DeleteFunc(pages, func(blank bool) bool { return !blank }))
}

func TestCreateRefuses(t *testing.T) {
	top := t.TempDir()
	g := newGuest(t, memory.PageSize)
	snap, file, link := filepath.Join(top, "snap"), filepath.Join(top, "file"), filepath.Join(top, "link")
	other, empty := filepath.Join(top, "other"), filepath.Join(top, "empty")
	take(t, snap, false, g, someState())
	take(t, other, false, g, someState())
	mustDo(t, os.WriteFile(file, nil, 0o600), os.Symlink("snap", link), os.WriteFile(other+"/mine", nil, 0o600), os.Mkdir(empty, 0o700))
	before := names(t, top)
	for _, c := range []struct {
		dir     string
		replace bool
		words   string
	}{
		{snap, false, "it exists; name another directory"},
		{file, false, "it exists"},
		{link, false, "it exists"},
		{file, true, "it is not a snapshot; name another"},
		{link, true, "it is not a snapshot"},
		{other, true, "it is not a snapshot"},
		{empty, true, "it is not a snapshot"},
		{"", true, "it is not a snapshot"},
		{"/", true, "it is not a snapshot"},
		{"..", true, "it is not a snapshot"},
		{top + "/none/snap", false, "no such file or directory; name one in a directory"},
		{file + "/snap", false, "not a directory; name one in a directory"},
		{top + "/" + strings.Repeat("n", 250), false, "file name too long"},
		{"/proc/snap", false, "name one in a directory that you may write to"},
	} {
		w, err := Create(c.dir, c.replace)
		if err == nil {
			t.Errorf("%s: made", c.dir)
			mustDo(t, w.Abort())
			continue
		}
		wantLine(t, err, "make snapshot "+c.dir+": ", c.words)
	}
	if after := names(t, top); after != before {
		t.Errorf("there is %s, and was %s", after, before)
	}
}

// TestAbort: nothing is left and an old snapshot is whole, whatever happened before.
func TestAbort(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "snap")
	g := newGuest(t, 2*ChunkSize)
	take(t, dir, false, g, someState())
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, spoil := range map[string]func(w *Writer) error{
		"at once":             func(w *Writer) error { return nil },
		"after the memory":    func(w *Writer) error { return w.Memory(t.Context(), g) },
		"called off":          func(w *Writer) error { return wants(w.Memory(canceled, g), context.Canceled) },
		"commit without RAM":  func(w *Writer) error { return wants(w.Commit(someState()), nil) },
		"commit after cancel": func(w *Writer) error { w.Memory(canceled, g); return wants(w.Commit(someState()), nil) },
		"bad JSON": func(w *Writer) error {
			return errors.Join(w.Memory(t.Context(), g), wants(w.Commit(State{Request: json.RawMessage("{")}), nil))
		},
	} {
		w, err := Create(dir, true)
		mustDo(t, err)
		if err := errors.Join(spoil(w), w.Abort(), w.Abort()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := names(t, top); got != "snap" {
			t.Errorf("%s: left %s", name, got)
		}
		wantLine(t, w.Memory(t.Context(), g), "make snapshot", "closed")
		mustDo(t, mustOpen(t, dir).Verify(t.Context()))
	}
}

// wants turns an error that is wanted into none; nil wants any.
func wants(err, want error) error {
	if err == nil || want != nil && !errors.Is(err, want) {
		return errors.New("a mistake went through")
	}
	return nil
}

// TestMemoryAgain: a second call leaves nothing of the first.
func TestMemoryAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "snap")
	g := newGuest(t, ChunkSize)
	scatter(g, 3)
	w, err := Create(dir, false)
	mustDo(t, err)
	mustDo(t, w.Memory(t.Context(), g))
	clear(g.Regions()[0].Host)
	mustDo(t, g.Store8(0, 1), w.Memory(t.Context(), g), w.Commit(someState()))
	s := mustOpen(t, dir)
	mustDo(t, s.Verify(t.Context()))
	again, err := s.Guest()
	if mustDo(t, err); !bytes.Equal(contents(again), contents(g)) {
		t.Error("RAM differs")
	}
	mustDo(t, again.Close())
}

// TestTwoWriters: who comes second replaces the first, or is refused.
func TestTwoWriters(t *testing.T) {
	for _, replace := range []bool{false, true} {
		top := t.TempDir()
		dir := filepath.Join(top, "snap")
		g := newGuest(t, ChunkSize)
		var ws []*Writer
		for range 2 {
			w, err := Create(dir, replace)
			mustDo(t, err, w.Memory(t.Context(), g))
			ws = append(ws, w)
		}
		mustDo(t, ws[0].Commit(someState()))
		err := ws[1].Commit(State{Machine: json.RawMessage("2")})
		if replace {
			mustDo(t, err)
		} else {
			wantLine(t, err, "it exists")
		}
		if s := mustOpen(t, dir); (string(s.Machine) == "2") != replace || names(t, top) != "snap" {
			t.Errorf("replace %v: machine %s, left %s", replace, s.Machine, names(t, top))
		}
	}
}

// TestSweep: what killed writers left goes, what is in use or somebody's own stays.
func TestSweep(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "snap")
	g := newGuest(t, memory.PageSize)
	left, mine, odd := dir+".new-0123456789abcdef", dir+".new-backup", dir+".new-fedcba9876543210"
	for _, d := range []string{left, mine, odd} {
		take(t, d, false, g, someState())
	}
	mustDo(t, os.WriteFile(odd+"/mine", nil, 0o600), os.Symlink(mine, dir+".new-1111111111111111"))
	busy, err := Create(dir, false)
	mustDo(t, err)
	mustDo(t, busy.Memory(t.Context(), g))
	take(t, dir, false, g, someState())
	if got, want := names(t, top), "snap snap.new-1111111111111111 "+filepath.Base(busy.in.Name())+" snap.new-backup snap.new-fedcba9876543210"; len(got) != len(want) {
		t.Errorf("left %s, want %s", got, want)
	}
	if got := names(t, odd); got != "mine" {
		t.Errorf("of a leftover with somebody's file: %s", got)
	}
	mustDo(t, mustOpen(t, mine).Verify(t.Context()), busy.Abort())
}
