package initramfs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// FromDir adds what lies under dir: directories, files, symbolic links and character devices. Sockets, pipes
// and block devices are left out: nothing in a first root file system needs them.
func (a *Archive) FromDir(dir string) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil || rel == "." {
			return err
		}
		if err := a.fromFile(filepath.ToSlash(rel), name, d); err != nil {
			return fmt.Errorf("add %s to the initramfs: %w", name, err)
		}
		return nil
	})
}

func (a *Archive) fromFile(rel, name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	perm := uint32(info.Mode().Perm())
	switch mode := info.Mode(); {
	case mode.IsDir():
		a.Dir(rel, perm)
	case mode.IsRegular():
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		a.File(rel, perm, data)
	case mode&fs.ModeSymlink != 0:
		target, err := os.Readlink(name)
		if err != nil {
			return err
		}
		a.Symlink(rel, target)
	case mode&fs.ModeCharDevice != 0:
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			a.CharDevice(rel, perm, major(st.Rdev), minor(st.Rdev))
		}
	}
	return nil
}

// Linux packs a device number into 64 bits as it did into 16, with the rest above (makedev(3)).
func major(dev uint64) uint32 { return uint32(dev>>8&0xfff | dev>>32&^0xfff) }
func minor(dev uint64) uint32 { return uint32(dev&0xff | dev>>12&^0xff) }
