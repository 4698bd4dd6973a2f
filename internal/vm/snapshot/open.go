package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"terem/memory"
)

// Snapshot is one that was found whole. The caller owes a Close.
type Snapshot struct {
	State
	dir    string
	memory *os.File
}

// Open reads a snapshot's state and looks at its memory. If that is the file that was written, as its identity says, its bytes
// are not read; if it is a copy, or somebody has written to it, all of them are checked now.
func Open(dir string) (*Snapshot, error) {
	s, err := open(dir)
	if err != nil {
		return nil, cannotOpen(dir, err)
	}
	return s, nil
}

func open(dir string) (*Snapshot, error) {
	const tries = 10
	for try := 1; ; try++ {
		in, err := openDir(dir)
		if err != nil {
			return nil, err
		}
		s, err := openIn(in, dir)
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
func openIn(in *os.File, dir string) (*Snapshot, error) {
	state, err := readState(in)
	if err != nil {
		return nil, err
	}
	f, err := openFile(in, memoryFile)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{State: *state, dir: dir, memory: f}
	if err := s.check(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

func readState(in *os.File) (*State, error) {
	f, err := openFile(in, stateFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() > maxState {
		return nil, fmt.Errorf("state has more than %d bytes", maxState)
	}
	b := make([]byte, st.Size())
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, err
	}
	return decode(b)
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

// MemoryFile is DIR/memory, open for reading: its bytes are those of Memory.Regions, one after the other. Its offset may be
// anywhere.
func (s *Snapshot) MemoryFile() *os.File { return s.memory }

// Guest makes RAM of the memory: its pages are the file's until the guest writes them. The Snapshot may be closed meanwhile.
func (s *Snapshot) Guest() (*memory.Guest, error) {
	return memory.NewFromFile(s.memory, s.Memory.Regions...)
}

// Close closes the memory's file.
func (s *Snapshot) Close() error { return s.memory.Close() }
