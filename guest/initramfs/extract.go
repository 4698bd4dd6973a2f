package initramfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Extract unpacks entries below root. They may come from anywhere: a name that leads out of root, by itself or
// through a symbolic link, is an error, as is one that is there already, unless both are directories. Links may
// point anywhere; they are meant for whoever has root as its root.
//
// Devices, pipes and sockets are left out, since making them may take privileges. So are the bits that give a
// program its owner's rights; owners stay the caller's.
func Extract(root *os.Root, entries []Entry) error {
	var dirs []Entry
	for _, e := range entries {
		if err := extract(root, e); err != nil {
			return fmt.Errorf("unpack %q: %w", e.Name, err)
		}
		if e.Mode&typeMask == typeDir {
			dirs = append(dirs, e)
		}
	}
	// A directory gets its permissions last: they might forbid to fill it.
	for i := len(dirs) - 1; i >= 0; i-- {
		if err := chmodDir(root, dirs[i]); err != nil {
			return fmt.Errorf("set the permissions of %q: %w", dirs[i].Name, err)
		}
	}
	return nil
}

func extract(root *os.Root, e Entry) error {
	if !filepath.IsLocal(e.Name) {
		return fmt.Errorf("%w: the name is no path within the archive", ErrFormat)
	}
	switch e.Mode & typeMask {
	case typeDir:
		return makeDir(root, e.Name)
	case typeLink:
		return root.Symlink(string(e.Data), e.Name)
	case typeFile:
		return makeFile(root, e)
	}
	return nil
}

func makeDir(root *os.Root, name string) error {
	err := root.Mkdir(name, 0o700)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, statErr := root.Lstat(name)
	if statErr != nil || !info.IsDir() {
		return err
	}
	return nil
}

func makeFile(root *os.Root, e Entry) error {
	f, err := root.OpenFile(e.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(e.Data)
	if err == nil {
		err = f.Chmod(fs.FileMode(e.Mode & 0o777)) // the umask does not count
	}
	return errors.Join(err, f.Close())
}

func chmodDir(root *os.Root, e Entry) error {
	mode := fs.FileMode(e.Mode & 0o777)
	if e.Mode&0o1000 != 0 {
		mode |= fs.ModeSticky
	}
	return root.Chmod(e.Name, mode)
}
