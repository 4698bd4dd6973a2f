package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"terem/internal/fault"
	"terem/internal/vm/disk"
	"terem/internal/vm/disk/content"
	"terem/internal/vm/disk/ext4"
	"terem/internal/vm/machine"
)

// FromDir is an order for an ext4 image.
type FromDir struct {
	Source string // a directory, or a tar, plain or packed by gzip, xz or zstd
	Path   string // of the image
	Size   uint64 // bytes; 0: twice the contents and 256 MiB
	Label  string
	Force  bool // replace Path
}

// Make makes the image, whole or not at all. Files from a directory keep the owners
// that they have there, and those from a tar the ones that it names.
func (f *FromDir) Make(ctx context.Context) error {
	if f.Size != 0 {
		if err := checkSize(f.Path, f.Size); err != nil {
			return err
		}
	}
	const maxLabel = 16 // bytes, of ext4
	if len(f.Label) > maxLabel {
		return f.bad(fmt.Sprintf("a label of %d bytes", len(f.Label)), "ext4 has room for 16")
	}
	st, err := os.Stat(f.Source)
	if err != nil {
		return &fault.Error{Class: fault.Usage, Thing: f.Source, Err: fault.Reason(err), Mend: "name a directory or a tar"}
	}
	if !st.IsDir() {
		if !st.Mode().IsRegular() && st.Mode()&fs.ModeNamedPipe == 0 {
			return &fault.Error{Class: fault.Usage, Thing: f.Source, Cause: "it is neither a directory nor a tar", Mend: "name one of them"}
		}
		return f.fromTar(ctx)
	}
	if within(f.Source, f.Path) {
		return f.bad("the image would be in the directory that it is made from", "name a file elsewhere")
	}
	return f.fromDir(ctx)
}

func (f *FromDir) fromDir(ctx context.Context) error {
	return disk.Create(f.Path, f.Force, func(out *os.File) error {
		s, err := scan(ctx, f.Source)
		switch {
		case err != nil && ctx.Err() != nil:
			return f.interrupted()
		case err != nil:
			return f.unread(err)
		}
		defer s.Close() // read only
		return f.unread(f.fill(ctx, out, s.tree))
	})
}

// unread makes an error about a file of the directory one about the directory.
func (f *FromDir) unread(err error) error {
	var about *ext4.Error
	if !errors.As(err, &about) || errors.Is(err, ext4.ErrFull) {
		return err
	}
	e := &fault.Error{Class: fault.Usage, Thing: "read " + f.Source, Err: fmt.Errorf("%s: %w", content.Printable(about.Path), about.Err)}
	if errors.Is(err, fs.ErrPermission) {
		e.Mend = "get the right to read all of it"
	}
	return e
}

// fromTar reads the tar into memory, and the contents of its files into a file without a
// name beside the image. Only then is it known how large a file system they need.
func (f *FromDir) fromTar(ctx context.Context) error {
	return disk.Create(f.Path, f.Force, func(out *os.File) error {
		s, err := newSpool(filepath.Dir(f.Path), f.Size)
		if err != nil {
			return err
		}
		defer s.f.Close() // nobody needs it any more
		t, err := readTarFile(ctx, f.Source, s)
		if errors.Is(err, errSpool) {
			return f.tooSmall(f.Size, f.Size)
		}
		if err == nil {
			err = f.fill(ctx, out, t)
		}
		var about *ext4.Error
		if errors.As(err, &about) && !errors.Is(err, ext4.ErrFull) {
			err = fmt.Errorf("%w: %s: %w", errTar, content.Printable(strings.TrimPrefix(about.Path, "/")), about.Err)
		}
		if errors.Is(err, errTar) || errors.Is(err, fs.ErrPermission) {
			return &fault.Error{Class: fault.Usage, Thing: f.Source, Err: err, Mend: mendTar(err)}
		}
		return err
	})
}

func (f *FromDir) interrupted() error {
	return &fault.Error{Class: fault.Host, Thing: "make " + f.Path, Cause: "interrupted"}
}

func (f *FromDir) bad(cause, mend string) error {
	return &fault.Error{Class: fault.Usage, Thing: "make " + f.Path, Cause: cause, Mend: mend}
}

// within says whether a file is in a directory or below it.
func within(dir, file string) bool {
	for _, p := range []*string{&dir, &file} {
		if abs, err := filepath.Abs(*p); err == nil {
			*p = abs
		}
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	if real, err := filepath.EvalSymlinks(filepath.Dir(file)); err == nil {
		file = filepath.Join(real, filepath.Base(file))
	}
	rel, err := filepath.Rel(dir, file)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// fill makes a file system with a tree in an empty file, and has e2fsck look at it.
func (f *FromDir) fill(ctx context.Context, out *os.File, t *tree) error {
	total, files := t.weigh()
	size := f.Size
	if size == 0 {
		const spare, step = 256 << 20, 1 << 20
		size = (2*total + spare) / step * step
	}
	if size < minExt4 {
		return f.tooSmall(size, total)
	}
	if err := out.Truncate(int64(size)); err != nil {
		return err
	}
	if full, err := f.format(ctx, out, size, files); full || err != nil {
		if full {
			err = f.tooSmall(size, total)
		}
		return err
	}
	switch err := ext4.Fill(ctx, out, t.root); {
	case errors.Is(err, ext4.ErrFull):
		return f.tooSmall(size, total)
	case ctx.Err() != nil:
		return f.interrupted()
	case err != nil:
		return err
	}
	said, stderr, status, err := runOn(ctx, out, "e2fsck", "-fn")
	if err == nil && status != 0 {
		err = &fault.Error{Class: fault.Host, Thing: "e2fsck on the new image", Cause: complaint(said + stderr)}
	}
	return err
}

// format makes an empty file system. It says whether size is too little for one with so many
// files.
func (f *FromDir) format(ctx context.Context, out *os.File, size, files uint64) (full bool, err error) {
	args := append([]string{"-q", "-F", "-t", "ext4", "-m", "1"}, ext4.Options()...)
	const bytesPerInode, smallPerInode, small = 16384, 4096, 512 << 20 // as mke2fs.conf usually has them
	ratio := uint64(bytesPerInode)
	if size < small {
		ratio = smallPerInode
	}
	inodes := max(size/ratio, files+files/4+reservedInodes)
	if inodes*inodeBytes > size || inodes >= 1<<32 {
		return true, nil
	}
	args = append(args, "-N", fmt.Sprint(inodes))
	if f.Label != "" {
		args = append(args, "-L", f.Label)
	}
	_, stderr, status, err := runOn(ctx, out, "mkfs.ext4", args...)
	switch {
	case err != nil || status == 0:
		return false, err
	case strings.Contains(stderr, "No space left on device"): // on the host's
		return false, unix.ENOSPC
	case strings.Contains(stderr, "Could not allocate block"), strings.Contains(stderr, "too small"), strings.Contains(stderr, "Not enough space"),
		strings.Contains(stderr, "too many inodes"), strings.Contains(stderr, "too big"):
		return true, nil
	}
	return false, &fault.Error{Class: fault.Host, Thing: "mkfs.ext4", Cause: complaint(stderr)}
}

const (
	inodeBytes     = 256 // of each file that there can be
	reservedInodes = 16  // more than ext4 has for itself
)

// minExt4 is the least that ext4 makes sense on, in bytes; mkfs.ext4 contradicts itself
// below.
const minExt4 = 1 << 20

func (f *FromDir) tooSmall(size, total uint64) error {
	return f.bad(fmt.Sprintf("%s are too little for a file system with %s of files", machine.Bytes(size), machine.Bytes(total)),
		"ask for more with "+fault.Field("Size")+", or leave it out")
}
