package carry

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// unpack puts what an archive has under the name base at the place to, or into it if that is a directory.
func unpack(r io.Reader, base, to string, say func(string)) error {
	if st, err := os.Stat(to); err == nil && st.IsDir() && base != "." {
		to = filepath.Join(to, base)
	}
	t := tar.NewReader(r)
	first, err := t.Next()
	if errors.Is(err, io.EOF) {
		return errors.New("the guest sent an empty archive")
	}
	if err != nil {
		return err
	}
	if first.Typeflag != tar.TypeDir {
		return unpackOne(t, first, to, say)
	}
	if err := os.Mkdir(to, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	root, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer root.Close()
	u := unpacker{root: root, base: base, say: say}
	return u.all(t, first)
}

// unpackOne unpacks an archive of one file.
func unpackOne(t *tar.Reader, h *tar.Header, to string, say func(string)) error {
	root, err := os.OpenRoot(filepath.Dir(to))
	if err != nil {
		return err
	}
	defer root.Close()
	name := filepath.Base(to)
	u := unpacker{root: root, base: name, say: say}
	if err := u.entry(t, h, name); err != nil {
		return err
	}
	if _, err := t.Next(); !errors.Is(err, io.EOF) {
		return errors.Join(err, errors.New("the guest sent more than one file"))
	}
	return nil
}

// unpacker makes files below one directory.
type unpacker struct {
	root *os.Root
	base string // with which each name of the archive begins
	say  func(string)
	dirs []*tar.Header // their modes and times come last: one may forbid to write
}

func (u *unpacker) all(t *tar.Reader, h *tar.Header) error {
	for {
		name, err := u.below(h.Name)
		if err != nil {
			return err
		}
		if err := u.entry(t, h, name); err != nil {
			return err
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

// permissions are what a file of the guest's can have here.
const permissions = 0o777

func (u *unpacker) entry(r io.Reader, h *tar.Header, name string) error {
	switch h.Typeflag {
	case tar.TypeDir:
		if err := u.root.MkdirAll(name, 0o700); err != nil {
			return err
		}
		u.dirs = append(u.dirs, &tar.Header{Name: name, Mode: h.Mode, ModTime: h.ModTime})
		return nil
	case tar.TypeReg:
		return u.file(r, h, name)
	case tar.TypeSymlink:
		if err := u.vacate(name); err != nil {
			return err
		}
		return u.root.Symlink(h.Linkname, name)
	case tar.TypeLink:
		to, err := u.below(h.Linkname)
		if err != nil {
			return err
		}
		if err := u.vacate(name); err != nil {
			return err
		}
		return u.root.Link(to, name)
	}
	u.say(fmt.Sprintf("%q: left out: neither a file, a directory nor a link", h.Name))
	return nil
}

// vacate takes a file away that is in the way: a link is never written through.
func (u *unpacker) vacate(name string) error {
	if err := u.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (u *unpacker) file(r io.Reader, h *tar.Header, name string) error {
	if err := u.vacate(name); err != nil {
		return err
	}
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

// finish gives directories their modes and times, the innermost first.
func (u *unpacker) finish() error {
	for i := len(u.dirs) - 1; i >= 0; i-- {
		d := u.dirs[i]
		if err := errors.Join(u.root.Chmod(d.Name, fs.FileMode(d.Mode)&permissions), u.root.Chtimes(d.Name, time.Now(), d.ModTime)); err != nil {
			return err
		}
	}
	return nil
}
