package carry

import (
	"archive/tar"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"terem/internal/fault"
)

// unpack puts what an archive has under the name base at the place to, or into it if that is a directory.
func unpack(r io.Reader, base, to string, say func(string)) error {
	place, err := findTarget(to, base)
	if err != nil {
		return err
	}
	defer place.dir.Close()
	t := tar.NewReader(r)
	first, err := t.Next()
	if errors.Is(err, io.EOF) {
		return errEmpty
	}
	if err != nil {
		return err
	}
	u := unpacker{root: place.dir, base: base, say: say, dirs: map[inode]mark{}}
	if first.Typeflag != tar.TypeDir {
		if place.folder || place.name == "." {
			return errors.New("the guest sent a file, not a directory")
		}
		return u.one(t, first, place.name)
	}
	if u.root, err = place.open(); err != nil {
		return err
	}
	defer u.root.Close()
	return u.all(t, first)
}

// unpacker makes files below one directory.
type unpacker struct {
	root *os.Root
	base string // with which each name of the archive begins
	say  func(string)
	dirs map[inode]mark // their modes and times come last: one may forbid to write
}

// inode is a directory: by a name or another, it counts once, and there are no more than the disk has.
type inode struct{ dev, ino uint64 }

// mark is what a directory gets at the end.
type mark struct {
	name string
	mode fs.FileMode
	time time.Time
}

// one unpacks an archive of one file.
func (u *unpacker) one(t *tar.Reader, h *tar.Header, name string) error {
	if err := u.entry(t, h, name); err != nil {
		return about(name, err)
	}
	if _, err := t.Next(); !errors.Is(err, io.EOF) {
		return errors.Join(err, errors.New("the guest sent more than one file"))
	}
	return nil
}

func (u *unpacker) all(t *tar.Reader, h *tar.Header) error {
	for {
		name, err := u.below(h.Name)
		if err != nil {
			return err
		}
		if err := u.entry(t, h, name); err != nil {
			return about(name, err)
		}
		if h, err = t.Next(); errors.Is(err, io.EOF) {
			return u.finish()
		}
		if err != nil {
			return err
		}
	}
}

// below is a name of the archive without its base.
func (u *unpacker) below(name string) (string, error) {
	clean := path.Clean(strings.TrimPrefix(name, "./"))
	if u.base != "." {
		if clean == u.base {
			return ".", nil
		}
		rest, ok := strings.CutPrefix(clean, u.base+"/")
		if !ok {
			return "", fmt.Errorf("the guest sent %q, which was not asked for", name)
		}
		clean = rest
	}
	if !filepath.IsLocal(clean) {
		return "", fmt.Errorf("the guest sent %q, which would leave the directory", name)
	}
	return clean, nil
}

// permissions are what a file has on the other side.
const permissions = 0o777

func (u *unpacker) entry(r io.Reader, h *tar.Header, name string) error {
	switch h.Typeflag {
	case tar.TypeDir:
		return u.directory(h, name)
	case tar.TypeReg:
		return u.put(name, func(at string) error { return u.file(r, h, at) })
	case tar.TypeSymlink:
		return u.put(name, func(at string) error { return u.root.Symlink(h.Linkname, at) })
	case tar.TypeLink:
		to, err := u.below(h.Linkname)
		if err != nil {
			return err
		}
		return u.put(name, func(at string) error { return u.root.Link(to, at) })
	}
	u.say(fmt.Sprintf("%q: left out: neither a file, a directory nor a link", h.Name))
	return nil
}

func (u *unpacker) directory(h *tar.Header, name string) error {
	if err := u.root.MkdirAll(name, 0o700); err != nil {
		return err
	}
	info, err := u.root.Lstat(name)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok {
		return inTheWay(name, info)
	}
	u.dirs[inode{st.Dev, st.Ino}] = mark{name, fs.FileMode(h.Mode) & permissions, h.ModTime}
	return nil
}

// put has something made under a name that nobody has, and then gives it its own: until it is whole, what had the name has it.
// A link that has it is replaced, never written through.
func (u *unpacker) put(name string, make func(at string) error) error {
	info, err := u.root.Lstat(name)
	if err == nil && !info.Mode().IsRegular() && info.Mode().Type() != fs.ModeSymlink {
		return inTheWay(name, info)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	at := path.Join(path.Dir(name), ".terem-"+rand.Text())
	if err = make(at); err == nil {
		err = u.root.Rename(at, name)
	}
	// After a failure it is there, and after a rename of a file to another name of itself, rename(2).
	if e := u.root.Remove(at); err == nil && !errors.Is(e, fs.ErrNotExist) {
		err = e
	}
	return err
}

// inTheWay is the error for what is neither what is to be made nor what that may replace.
func inTheWay(name string, info fs.FileInfo) error {
	cause := "a device, a pipe or a socket is in the way"
	switch {
	case info.IsDir():
		cause = "a directory is in the way"
	case info.Mode().IsRegular():
		cause = "a file is in the way"
	case info.Mode().Type() == fs.ModeSymlink:
		cause = "a link is in the way"
	}
	return &fault.Error{Class: fault.Usage, Thing: fmt.Sprintf("%q", name), Cause: cause, Mend: "move it, or copy to another place"}
}

func (u *unpacker) file(r io.Reader, h *tar.Header, name string) error {
	f, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Chmod(fs.FileMode(h.Mode) & permissions)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return u.root.Chtimes(name, time.Now(), h.ModTime)
}

// finish gives directories their modes and times, the innermost first. A link that has come in the place of one is not followed.
func (u *unpacker) finish() error {
	depth := func(m mark) int { return len(path.Join("/", m.name)) } // "." is above all
	inner := func(a, b mark) int { return cmp.Compare(depth(b), depth(a)) }
	for _, d := range slices.SortedFunc(maps.Values(u.dirs), inner) {
		info, err := u.root.Lstat(d.name)
		if err != nil {
			return about(d.name, err)
		}
		if !info.IsDir() {
			continue
		}
		if err := errors.Join(u.root.Chmod(d.name, d.mode), u.root.Chtimes(d.name, time.Now(), d.time)); err != nil {
			return about(d.name, err)
		}
	}
	return nil
}
