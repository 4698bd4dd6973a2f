package snapshot

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"terem/internal/fault"
)

// MaxChain is how many snapshots a chain may have: a whole one and the diffs on it. Each costs an open file and two reads at
// every restore.
const MaxChain = 64

// Parent is the snapshot that has the pages which a diff has not.
type Parent struct {
	Dir   string // from the diff's directory on: "../base". A tree of snapshots can be moved, and they stay together
	State Digest // of its DIR/state, and so of its sums
}

// Digest is SHA-256. In JSON it is hexadecimal.
type Digest [sha256.Size]byte

// MarshalText is for package json.
func (d Digest) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, d[:]), nil }

// UnmarshalText is for package json.
func (d *Digest) UnmarshalText(b []byte) error {
	if len(b) != hex.EncodedLen(len(d)) {
		return errors.New("a digest is not of 64 digits")
	}
	_, err := hex.Decode(d[:], b)
	return err
}

// check looks at what a stranger may have written.
func (p *Parent) check() error {
	const most = 4096 // of a path, limits.h: PATH_MAX
	if p.Dir == "" || filepath.IsAbs(p.Dir) || len(p.Dir) >= most || strings.ContainsRune(p.Dir, 0) {
		return fmt.Errorf("its parent's path, %.100q, is not a relative one", p.Dir)
	}
	return nil
}

var (
	errOther    = errors.New("it is not the snapshot any more of which this one is the difference")
	errLoop     = errors.New("the parents lead in a circle")
	errRegions  = errors.New("it is of another size of RAM")
	errChain    = fmt.Errorf("a chain of more than %d snapshots", MaxChain)
	errOwnChain = errors.New("it is a parent, and others need it")
	errGone     = errors.New("the snapshot that the machine came from is there no more")
)

// parentError is what is wrong with a parent.
type parentError struct {
	dir string
	err error
}

func (e *parentError) Error() string {
	return fmt.Sprintf("its parent %s: %v", e.dir, fault.Reason(e.err))
}

// openParents opens the snapshots that a diff needs, from its parent on.
func (s *Snapshot) openParents() error {
	seen, room := []place{s.place}, maxState-s.size // for all states together: a stranger writes a chain as easily as one of them
	for child := s; child.Parent != nil; child = child.parent {
		if len(seen) == MaxChain {
			return errChain
		}
		// Not filepath.Join: if the directory is a link, its .. is not where the link is.
		dir := child.dir + "/" + child.Parent.Dir
		p, err := openOne(dir, room, func(p *Snapshot) error {
			switch {
			case slices.Contains(seen, p.place):
				return errLoop
			case p.sum != child.Parent.State:
				return errOther
			case !slices.Equal(p.Memory.Regions, s.Memory.Regions):
				return errRegions
			}
			return nil
		})
		if err != nil {
			return &parentError{filepath.Clean(dir), err}
		}
		child.parent = p
		room -= p.size
		seen = append(seen, p.place)
	}
	return nil
}

// chain is the snapshot and its parents.
func (s *Snapshot) chain() (all []*Snapshot) {
	for ; s != nil; s = s.parent {
		all = append(all, s)
	}
	return all
}

// Dirs are the directories of the chain, the snapshot's own first.
func (s *Snapshot) Dirs() (all []string) {
	for _, one := range s.chain() {
		all = append(all, one.dir)
	}
	return all
}

// Parents is how many snapshots this one needs besides itself.
func (s *Snapshot) Parents() int { return len(s.chain()) - 1 }

// asParent is the snapshot as one of a diff that will be in a directory, by a name. It must be there still, as it was.
func (s *Snapshot) asParent(in *os.File, name string) (*Parent, error) {
	if s.Parents()+2 > MaxChain {
		return nil, errChain
	}
	file, err := pathOf(s.memory)
	if err != nil {
		return nil, errGone
	}
	at := filepath.Dir(file)
	now, err := openDir(at)
	if err != nil {
		return nil, errGone
	}
	defer now.Close()
	if _, text, err := readState(now, maxState); err != nil || sha256.Sum256(text) != s.sum {
		return nil, errGone
	}
	from, err := pathOf(in)
	if err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(from+"/"+name, at)
	if err == nil && !utf8.ValidString(rel) {
		err = fmt.Errorf("the path of its parent, %q, is not UTF-8", at)
	}
	p := &Parent{Dir: rel, State: s.sum}
	if err == nil {
		err = p.check()
	}
	return p, err
}

// pathOf is where an open file is now, without links, even if it was moved.
func pathOf(f *os.File) (string, error) { return os.Readlink(fmt.Sprintf("/proc/self/fd/%d", f.Fd())) }

// has says whether a directory is that of one of the chain.
func (s *Snapshot) has(dir *os.File) bool {
	var st unix.Stat_t
	if s == nil || unix.Fstatat(int(dir.Fd()), memoryFile, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return false
	}
	return slices.ContainsFunc(s.chain(), func(p *Snapshot) bool {
		var own unix.Stat_t
		return unix.Fstat(int(p.memory.Fd()), &own) == nil && own.Dev == st.Dev && own.Ino == st.Ino
	})
}

// place is by which a directory or a file is known again while it is there.
type place struct{ dev, ino uint64 }

func placeOf(f *os.File) (place, error) {
	var st unix.Stat_t
	err := unix.Fstat(int(f.Fd()), &st)
	return place{st.Dev, st.Ino}, os.NewSyscallError("fstat", err)
}
