package image

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"terem/internal/disk"
	"terem/internal/machine"
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
		return &machine.Error{Class: machine.Usage, Thing: f.Source, Err: reason(err), Mend: "name a directory or a tar"}
	}
	if !st.IsDir() {
		if !st.Mode().IsRegular() && st.Mode()&fs.ModeNamedPipe == 0 {
			return &machine.Error{Class: machine.Usage, Thing: f.Source, Cause: "it is neither a directory nor a tar", Mend: "name one of them"}
		}
		return f.fromTar(ctx)
	}
	if within(f.Source, f.Path) {
		return f.bad("the image would be in the directory that it is made from", "name a file elsewhere")
	}
	return disk.Create(f.Path, f.Force, func(out *os.File) error { return f.fill(ctx, out, f.Source) })
}

func (f *FromDir) bad(cause, mend string) error {
	return &machine.Error{Class: machine.Usage, Thing: "make " + f.Path, Cause: cause, Mend: mend}
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

// fill makes a file system with a copy of dir in an empty file.
func (f *FromDir) fill(ctx context.Context, out *os.File, dir string) error {
	total, files, err := measure(dir)
	if err != nil {
		return &machine.Error{Class: machine.Usage, Thing: "read " + f.Source, Err: err, Mend: "get the right to read all of it"}
	}
	size := f.Size
	if size == 0 {
		const spare, step = 256 << 20, 1 << 20
		size = (2*total + spare) / step * step
	}
	if size < minExt4 || size < total {
		return f.tooSmall(size, total)
	}
	if err := out.Truncate(int64(size)); err != nil {
		return err
	}
	args := []string{"-q", "-F", "-t", "ext4", "-m", "1", "-E", "root_owner=0:0", "-d", dir}
	const bytesPerInode, spareInodes = 16384, 1024 // mke2fs.conf's usual ratio
	if files+spareInodes > size/bytesPerInode {
		args = append(args, "-N", fmt.Sprint(files+files/4+spareInodes))
	}
	if f.Label != "" {
		args = append(args, "-L", f.Label)
	}
	_, stderr, status, err := runOn(ctx, out, "mkfs.ext4", args...)
	switch {
	case err != nil:
		return err
	case status == 0:
		return nil
	case strings.Contains(stderr, "Could not allocate block"), strings.Contains(stderr, "too small"), strings.Contains(stderr, "No space"):
		return f.tooSmall(size, total)
	}
	return &machine.Error{Class: machine.Host, Thing: "mkfs.ext4", Cause: complaint(stderr)}
}

// minExt4 is the least that ext4 makes sense on, in bytes; mkfs.ext4 contradicts itself
// below.
const minExt4 = 1 << 20

func (f *FromDir) tooSmall(size, total uint64) error {
	return f.bad(fmt.Sprintf("%s are too little for a file system with %s of files", machine.Bytes(size), machine.Bytes(total)),
		"ask for more with --size, or leave it out")
}

// measure adds up what the files of a directory take in blocks of 4 KiB, in bytes.
func measure(dir string) (total, files uint64, err error) {
	const block = 4096
	seen := map[[2]uint64]bool{} // hard links
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Nlink > 1 && !d.IsDir() {
			key := [2]uint64{st.Dev, st.Ino}
			if seen[key] {
				return nil
			}
			seen[key] = true
		}
		files++
		total += block
		if info.Mode().IsRegular() {
			total += (uint64(info.Size()) + block - 1) / block * block
		}
		return nil
	})
	return total, files, err
}

// reason strips "stat PATH:" from an error: the path is named already.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
