package snapshot

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Writer makes a snapshot in a directory beside the one that it is to become. The caller owes a Commit or an Abort. It is for
// one goroutine at a time.
type Writer struct {
	dir     string // as the user named it
	base    string // its name in parent
	replace bool
	parent  *os.File
	name    string // of the unfinished directory
	in      *os.File
	memory  *os.File
	old     *os.File  // the snapshot that was replaced, under the unfinished one's name
	about   Memory    // nothing, unless all of memory is written
	onto    *Snapshot // of a diff: the snapshot that has all other pages
	keep    *Snapshot // it and its parents must not be replaced; nil: none
}

// Create begins a snapshot that will be dir, which does not exist or, with replace, is a snapshot. Until Commit, dir stays as
// it is. What a writer of dir left that was killed is removed.
func Create(dir string, replace bool) (*Writer, error) {
	w := &Writer{dir: dir, replace: replace}
	if err := w.create(); err != nil {
		return nil, cannotMake(dir, then(err, w.Abort()))
	}
	return w, nil
}

// CreateDiff begins one that will have only what the guest has changed since it was made of another snapshot's memory (Snapshot.Guest).
// That one, which must be where its files are and as they were, becomes its parent, and stays open until the Writer has ended.
func CreateDiff(dir string, replace bool, parent *Snapshot) (*Writer, error) {
	w := &Writer{dir: dir, replace: replace, onto: parent, keep: parent}
	if err := w.create(); err != nil {
		return nil, cannotMake(dir, then(err, w.Abort()))
	}
	return w, nil
}

func (w *Writer) create() (err error) {
	path := filepath.Clean(w.dir)
	if w.base = filepath.Base(path); w.dir == "" || w.base == "." || w.base == ".." || w.base == "/" {
		return errNotSnapshot
	}
	if w.parent, err = openDir(filepath.Dir(path)); err != nil {
		return err
	}
	old, err := w.occupant()
	if err != nil {
		return err
	}
	if old != nil {
		old.Close()
	}
	if w.onto != nil {
		if _, err := w.onto.asParent(w.parent, w.base); err != nil {
			return err
		}
	}
	sweep(w.parent, w.base)
	if w.in, w.name, err = makeUnfinished(w.parent, w.base); err != nil {
		return err
	}
	w.memory, err = openAt(w.in, memoryFile, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL)
	return err
}

// occupant is the snapshot to be replaced; nil: there is none. Anything else at its place is an error.
func (w *Writer) occupant() (*os.File, error) {
	var st unix.Stat_t
	err := unix.Fstatat(int(w.parent.Fd()), w.base, &st, unix.AT_SYMLINK_NOFOLLOW)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !w.replace:
		return nil, fs.ErrExist
	case st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return nil, errNotSnapshot
	}
	dir, err := openAt(w.parent, w.base, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	names, err := dir.Readdirnames(-1)
	if err == nil && !areSnapshot(names) {
		err = errNotSnapshot
	}
	if err == nil && w.keep.has(dir) {
		err = errOwnChain
	}
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}

// areSnapshot says whether names are those of a snapshot, maybe a damaged one, and no others: somebody's own files do not go
// with it.
func areSnapshot(names []string) bool {
	state := false
	for _, name := range names {
		if name != stateFile && name != memoryFile {
			return false
		}
		state = state || name == stateFile
	}
	return state
}

// Commit writes the state and gives the snapshot its name, when all of it is on the medium. The guest may run meanwhile. After
// an error nothing of the new snapshot is left, and an old one is whole. Either way the Writer has ended.
func (w *Writer) Commit(s State) error {
	if err := w.commit(&s); err != nil {
		return cannotMake(w.dir, then(err, w.Abort()))
	}
	return nil
}

func (w *Writer) commit(s *State) error {
	if w.about.Regions == nil {
		return errors.New("the memory is not in it")
	}
	if err := w.memory.Sync(); err != nil {
		return err
	}
	id, err := identify(w.memory)
	if err != nil {
		return err
	}
	s.Version, s.Memory, s.Parent = Version, w.about, nil
	s.Memory.File = id
	if w.onto != nil {
		s.Version = VersionDiff
		if s.Parent, err = w.onto.asParent(w.parent, w.base); err != nil {
			return err
		}
	}
	if err := w.writeState(s); err != nil {
		return err
	}
	if err := w.in.Sync(); err != nil {
		return err
	}
	if err := w.place(); err != nil {
		return err
	}
	if err := w.parent.Sync(); err != nil {
		return then(err, w.takeBack())
	}
	if w.old != nil {
		_ = remove(w.parent, w.name, w.old) // or the next Create does it: it is no fault of the new one
	}
	w.name = "" // nothing is left that Abort could remove
	return w.Abort()
}

func (w *Writer) writeState(s *State) error {
	b, err := encode(s)
	if err != nil {
		return err
	}
	f, err := openAt(w.in, stateFile, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)
	if err != nil {
		return err
	}
	if _, err = f.Write(b); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// place gives the directory its name. The snapshot that had it, if one did, has the unfinished one's then, and its lock is held: it
// must not be swept before the new one is sure to stay.
func (w *Writer) place() (err error) {
	const tries = 10 // somebody makes and removes snapshots of this name all the time
	for range tries {
		if w.old, err = w.occupant(); err != nil {
			return err
		}
		if w.old == nil {
			err = w.rename(w.name, w.base, unix.RENAME_NOREPLACE)
		} else if lock(w.old); isAt(w.parent, w.base, w.old) {
			err = w.rename(w.name, w.base, unix.RENAME_EXCHANGE)
		} else {
			err = fs.ErrNotExist
		}
		came, went := w.old == nil && w.replace && errors.Is(err, fs.ErrExist), w.old != nil && errors.Is(err, fs.ErrNotExist)
		if !came && !went {
			return err
		}
		if went {
			w.old.Close()
			w.old = nil
		}
	}
	return err
}

// takeBack undoes place.
func (w *Writer) takeBack() error {
	if w.old != nil {
		return w.rename(w.name, w.base, unix.RENAME_EXCHANGE)
	}
	return w.rename(w.base, w.name, unix.RENAME_NOREPLACE)
}

func (w *Writer) rename(from, to string, flags uint) error {
	parent := int(w.parent.Fd())
	err := unix.Renameat2(parent, from, parent, to, flags)
	switch {
	case !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS):
		return err
	case flags == unix.RENAME_EXCHANGE:
		return errExchange
	}
	return unix.Renameat(parent, from, parent, to) // which replaces an empty directory at most
}

// Abort removes what there is of the snapshot. After Commit, or once more, it does nothing.
func (w *Writer) Abort() error {
	var errs []error
	if w.name != "" {
		errs = append(errs, remove(w.parent, w.name, w.in))
	}
	for _, f := range []*os.File{w.memory, w.in, w.parent, w.old} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	*w = Writer{dir: w.dir}
	return errors.Join(errs...)
}
