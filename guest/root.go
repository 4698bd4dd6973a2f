package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	pid1 "terem/guest/init"
	"terem/guest/initramfs"
)

// ErrNotEmpty says that the directory for a root file system has something in it.
var ErrNotEmpty = errors.New("it is there already, and not an empty directory")

// ExtractRoot makes dir a root file system with what a program finds in the default guest: the files of the
// initrd, the links and files that PID 1 makes, busybox's other names, and directories to mount on. It needs no
// privileges: /dev is left empty, and all belongs to the caller.
//
// initrd is Artifacts.Initrd; the names of busybox stand in the manifest beside it. Dir is either there and empty
// or made, and filled in one step: it never has half of a root file system.
func ExtractRoot(initrd, dir string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("make the root file system %s: %w", dir, err)
		}
	}()
	m, err := readManifest(filepath.Dir(initrd))
	if err != nil {
		return err
	}
	dir = filepath.Clean(dir)
	if err := vacant(dir); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(dir), ".terem-root-")
	if err != nil {
		return err
	}
	if err = fillRoot(initrd, m.Applets, work); err == nil {
		err = os.NewSyscallError("rename", syscall.Rename(work, dir)) // os.Rename refuses an empty directory
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(work))
	}
	return nil
}

func vacant(dir string) error {
	files, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, syscall.ENOTDIR), len(files) > 0:
		return ErrNotEmpty
	}
	return err
}

func fillRoot(initrd string, applets []string, dir string) error {
	f, err := os.Open(initrd)
	if err != nil {
		return err
	}
	defer f.Close()
	entries, err := initramfs.Read(f)
	if err != nil {
		return err
	}
	more, err := rootEntries(applets)
	if err != nil {
		return err
	}
	has := map[string]bool{}
	for _, e := range entries {
		has[e.Name] = true
	}
	more = slices.DeleteFunc(more, func(e initramfs.Entry) bool { return has[e.Name] })
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := initramfs.Extract(root, append(entries, more...)); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

// rootEntries are what PID 1 makes; like it, they give way to what is there.
func rootEntries(applets []string) ([]initramfs.Entry, error) {
	made, err := pid1.Entries()
	if err != nil {
		return nil, err
	}
	var a initramfs.Archive
	for _, name := range applets {
		if path.Base(name) != name {
			return nil, fmt.Errorf("busybox has no applet %q", name)
		}
		a.Symlink("bin/"+name, "busybox")
	}
	for _, e := range made {
		switch e.Kind {
		case pid1.Dir:
			a.Dir(e.Name, 0o755)
		case pid1.Link:
			a.Symlink(e.Name, e.Text)
		case pid1.File:
			a.File(e.Name, 0o644, []byte(e.Text))
		}
	}
	points := pid1.MountPoints()
	for _, dir := range slices.Sorted(maps.Keys(points)) {
		a.Dir(strings.TrimPrefix(dir, "/"), points[dir])
	}
	return a.Entries(), nil
}
