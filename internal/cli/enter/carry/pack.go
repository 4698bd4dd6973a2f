package carry

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// pack writes a file or a directory of the host's as an archive, under the name base. In the guest all of it is root's.
func pack(w io.Writer, from, base string, say func(string)) error {
	t := tar.NewWriter(w)
	add := func(name, file string, info fs.FileInfo) error {
		link := ""
		if info.Mode()&fs.ModeSymlink != 0 {
			var err error
			if link, err = os.Readlink(file); err != nil {
				return about(file, err)
			}
		}
		if info.Mode()&(fs.ModeSocket|fs.ModeDevice|fs.ModeNamedPipe|fs.ModeIrregular) != 0 {
			say(fmt.Sprintf("%q: left out: neither a file, a directory nor a link", file))
			return nil
		}
		h, err := tar.FileInfoHeader(info, link)
		if err != nil {
			return err
		}
		h.Name, h.Uid, h.Gid, h.Uname, h.Gname = name, 0, 0, "", ""
		h.Mode &= permissions    // a set-user-ID program of yours is not to become one of root's
		h.Format = tar.FormatGNU // names of any length, for every tar; but busybox takes its further times for a directory's name
		h.AccessTime, h.ChangeTime, h.ModTime = time.Time{}, time.Time{}, h.ModTime.Truncate(time.Second)
		if !info.Mode().IsRegular() {
			return t.WriteHeader(h)
		}
		return addFile(t, h, file)
	}
	info, err := os.Stat(from) // the place itself may be a link
	if err != nil {
		return reason(err)
	}
	if !info.IsDir() {
		if err := add(base, from, info); err != nil {
			return err
		}
		return t.Close()
	}
	err = filepath.WalkDir(from+"/", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return about(file, err)
		}
		info, err := d.Info()
		if err != nil {
			return about(file, err)
		}
		rel, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		return add(path.Join(base, rel), file, info)
	})
	if err != nil {
		return err
	}
	return t.Close()
}

// addFile adds a file, as long as it was when it was opened.
func addFile(t *tar.Writer, h *tar.Header, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return about(file, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return about(file, err)
	}
	h.Size = info.Size()
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	n, err := io.Copy(t, io.LimitReader(f, h.Size))
	if err == nil && n < h.Size {
		err = fmt.Errorf("%q: it has become shorter while it was copied", file)
	}
	return err
}
