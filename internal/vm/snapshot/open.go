package snapshot

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"terem/memory"
)

// Snapshot is one that was found whole. The caller owes a Close.
type Snapshot struct {
	State
	dir    string
	place  place
	sum    Digest // of the state's text, by which a diff knows its parent
	size   int64  // of that, in bytes
	memory *os.File
	parent *Snapshot // nil: it is whole
}

// Open reads a snapshot's state and looks at its memory. If that is the file that was written, as its identity says, its bytes
// are not read; if it is a copy, or somebody has written to it, all of them are checked now. So it is with each of a diff's parents.
func Open(dir string) (*Snapshot, error) {
	s, err := open(dir)
	if err != nil {
		return nil, cannotOpen(dir, err)
	}
	return s, nil
}

func open(dir string) (*Snapshot, error) {
	s, err := openOne(dir, maxState, func(*Snapshot) error { return nil })
	if err != nil {
		return nil, err
	}
	if err := s.openParents(); err != nil {
		return nil, then(err, s.Close())
	}
	return s, nil
}

// openOne opens a snapshot without its parents, of a state of so many bytes at the most. admit looks at that before its memory is
// looked at.
func openOne(dir string, most int64, admit func(*Snapshot) error) (*Snapshot, error) {
	const tries = 10
	for try := 1; ; try++ {
		in, err := openDir(dir)
		if err != nil {
			return nil, err
		}
		s, err := openIn(in, dir, most, admit)
		replaced := errors.Is(err, fs.ErrNotExist) && !isNamed(dir, in)
		in.Close()
		if replaced && try < tries { // and the old one removed, while we were reading it
			continue
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: %w", errNotSnapshot, err)
		}
		return s, err
	}
}

// openIn opens the snapshot in an open directory, which may be a stranger's.
func openIn(in *os.File, dir string, most int64, admit func(*Snapshot) error) (*Snapshot, error) {
	state, text, err := readState(in, most)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{State: *state, dir: dir, sum: sha256.Sum256(text), size: int64(len(text))}
	if s.place, err = placeOf(in); err != nil {
		return nil, err
	}
	if err := admit(s); err != nil {
		return nil, err
	}
	if s.memory, err = openFile(in, memoryFile); err != nil {
		return nil, err
	}
	if err := s.check(); err != nil {
		return nil, then(err, s.memory.Close())
	}
	return s, nil
}

// readState reads DIR/state, of so many bytes at the most, and gives its text, too.
func readState(in *os.File, most int64) (*State, []byte, error) {
	f, err := openFile(in, stateFile)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if st.Size() > most {
		return nil, nil, fmt.Errorf("state has more than %d bytes", most)
	}
	b := make([]byte, st.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, nil, err
	}
	s, err := decode(b)
	return s, b, err
}

// check looks at the file of memory, and reads it only if it must.
func (s *Snapshot) check() error {
	id, err := s.identify()
	if err != nil || id == s.Memory.File {
		return err
	}
	return s.verify(context.Background())
}

// identify is the identity of the memory's file, which must have its size.
func (s *Snapshot) identify() (Identity, error) {
	id, err := identify(s.memory)
	if want := s.Memory.Size(); err == nil && id.Size != want {
		err = fmt.Errorf("memory has %d bytes, not %d", id.Size, want)
	}
	return id, err
}

// isNamed says whether a path leads to an open directory.
func isNamed(path string, open *os.File) bool {
	a, errA := os.Stat(path)
	b, errB := open.Stat()
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// MemoryFile is DIR/memory, open for reading: its bytes are those of Memory.Regions, one after the other, but of a diff only those
// of Memory.Pages count. Its offset may be anywhere.
func (s *Snapshot) MemoryFile() *os.File { return s.memory }

// Guest makes RAM of the memory: its pages are the files' until the guest writes them. The Snapshot may be closed meanwhile.
func (s *Snapshot) Guest() (*memory.Guest, error) {
	return memory.NewFromLayers(s.layers(), s.Memory.Regions...)
}

// layers are the files of the chain, the lowest first.
func (s *Snapshot) layers() (all []memory.Layer) {
	for _, one := range s.chain() {
		all = append(all, memory.Layer{File: one.memory, Runs: one.Memory.Pages})
	}
	slices.Reverse(all)
	return all
}

// Close closes the memory's file, and those of the parents.
func (s *Snapshot) Close() error {
	var errs []error
	for _, one := range s.chain() {
		errs = append(errs, one.memory.Close())
	}
	return errors.Join(errs...)
}
