package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"terem/internal/disk"
	"terem/internal/machine"
)

// errTar is wrapped by errors about a tar's contents.
var errTar = errors.New("the tar cannot be used")

// errNoTar says that there is no tar at all, or an empty one.
var errNoTar = errors.New("it is no tar, or one with nothing in it")

// fromTar unpacks the tar beside the image, makes the file system from that, and then
// gives the files in it their owners, which takes no right over the files themselves.
func (f *FromDir) fromTar(ctx context.Context) error {
	return disk.Create(f.Path, f.Force, func(out *os.File) error {
		dir, err := os.MkdirTemp(filepath.Dir(f.Path), ".terem-tar-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir) // whatever happens
		o, err := unpackFile(ctx, f.Source, dir)
		if errors.Is(err, errTar) || errors.Is(err, fs.ErrPermission) {
			return &machine.Error{Class: machine.Usage, Thing: f.Source, Err: err, Mend: mendTar(err)}
		}
		if err != nil {
			return err
		}
		if err := f.fill(ctx, out, filepath.Join(dir, rootName)); err != nil {
			return err
		}
		return o.apply(ctx, out)
	})
}

// mendTar helps who named something else than a tar.
func mendTar(err error) string {
	if errors.Is(err, errNoTar) {
		return "name a directory, or a tar that may be packed by gzip, xz or zstd"
	}
	return ""
}

const (
	rootName  = "root"  // the tar's files
	valueName = "value" // values of extended attributes
)

func unpackFile(ctx context.Context, name, dir string) (*owners, error) {
	in, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close() // read only
	r, err := unpacked(bufio.NewReaderSize(in, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errTar, err)
	}
	for _, sub := range []string{rootName, valueName} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	root, err := os.OpenRoot(filepath.Join(dir, rootName))
	if err != nil {
		return nil, err
	}
	defer root.Close() // nothing is written through it
	u := &unpacker{root: root, owners: newOwners(filepath.Join(dir, valueName))}
	return u.owners, u.all(ctx, tar.NewReader(r))
}

// unpacked undoes what a stream's first bytes say that was done to it.
func unpacked(r *bufio.Reader) (io.Reader, error) {
	magic, _ := r.Peek(6) // a shorter one is no tar, which comes up later
	switch {
	case bytes.HasPrefix(magic, []byte("\x1f\x8b")):
		return gzip.NewReader(r)
	case bytes.HasPrefix(magic, []byte("\xfd7zXZ\x00")):
		return xz.NewReader(r)
	case bytes.HasPrefix(magic, []byte("\x28\xb5\x2f\xfd")):
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
	}
	return r, nil
}

// unpacker writes a tar's files below root, and notes what only the image can have.
type unpacker struct {
	root   *os.Root
	owners *owners
}

func (u *unpacker) all(ctx context.Context, r *tar.Reader) error {
	for n := 0; ; n++ {
		if ctx.Err() != nil {
			return &machine.Error{Class: machine.Host, Thing: "unpack the tar", Cause: "interrupted"}
		}
		h, err := r.Next()
		switch {
		case errors.Is(err, io.EOF) && n > 0:
			return nil
		case err != nil && n == 0: // zeros, as an image begins with, are an empty tar
			return fmt.Errorf("%w: %w", errTar, errNoTar)
		case err != nil:
			return fmt.Errorf("%w: %w", errTar, err)
		}
		if err := u.one(h, r); err != nil {
			var p *fs.PathError
			if errors.As(err, &p) || errors.Is(err, errTar) {
				return fmt.Errorf("%w: %s: %w", errTar, printable(h.Name), reason(err))
			}
			return err
		}
	}
}

// one unpacks one entry. Its owner, mode and time follow in the image; here, files
// are the user's own.
func (u *unpacker) one(h *tar.Header, r io.Reader) error {
	name := strings.TrimPrefix(path.Clean("/"+h.Name), "/") // ".." stops at the root
	if strings.ContainsAny(name, "\n\x00") {
		return fmt.Errorf("%w: a line break in a name", errTar)
	}
	if name == "" {
		if h.Typeflag == tar.TypeDir {
			return u.owners.note("/", h)
		}
		return fmt.Errorf("%w: the root is no directory", errTar)
	}
	if err := u.parents(path.Dir(name)); err != nil {
		return err
	}
	if st, err := u.root.Lstat(name); err == nil && !(st.IsDir() && h.Typeflag == tar.TypeDir) {
		if err := u.root.Remove(name); err != nil { // a later entry replaces an earlier one
			return err
		}
		u.owners.forget("/" + name)
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if err := u.root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	case tar.TypeReg:
		if err := u.regular(name, r); err != nil {
			return err
		}
	case tar.TypeSymlink:
		if err := u.root.Symlink(h.Linkname, name); err != nil {
			return linkReason(err)
		}
	case tar.TypeLink:
		return linkReason(u.root.Link(strings.TrimPrefix(path.Clean("/"+h.Linkname), "/"), name))
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo: // made in the image
	default:
		return nil // what GNU tar writes for itself
	}
	return u.owners.note("/"+name, h)
}

// parents makes the directories that the tar has not named yet: root's, as tar does.
func (u *unpacker) parents(dir string) error {
	if dir == "." {
		return nil
	}
	if st, err := u.root.Stat(dir); err == nil && st.IsDir() {
		return nil
	}
	if err := u.parents(path.Dir(dir)); err != nil {
		return err
	}
	if err := u.root.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return u.owners.note("/"+dir, &tar.Header{Typeflag: tar.TypeDir, Mode: 0o755})
}

func (u *unpacker) regular(name string, r io.Reader) error {
	f, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// linkReason makes a link's error one about a path.
func linkReason(err error) error {
	var l *os.LinkError
	if errors.As(err, &l) {
		return &fs.PathError{Op: l.Op, Path: l.New, Err: l.Err}
	}
	return err
}
