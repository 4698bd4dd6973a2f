package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Identity is where the bytes of a file are, whatever its names are: links, another node of the same device, a partition and
// the disk that it is on, a loop device and its file. The zero value is that of what holds no bytes, such as a pipe.
type Identity struct {
	place   place
	beneath []place // what a device is a part of, or is made of
}

// place is a file's device and inode, or a block device's own number.
type place struct {
	dev, ino uint64
	device   bool
}

// IdentifyPath is the identity of what path names; zero if there is nothing.
func IdentifyPath(path string) Identity {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return Identity{}
	}
	return identify(&st)
}

// Identify is the identity of an open file.
func Identify(f *os.File) Identity {
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil {
		return Identity{}
	}
	return identify(&st)
}

func identify(st *unix.Stat_t) Identity {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return Identity{place: place{dev: st.Dev, ino: st.Ino}}
	case unix.S_IFBLK:
		p := place{dev: st.Rdev, device: true}
		return Identity{place: p, beneath: underneath(fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(p.dev), unix.Minor(p.dev)), 0)}
	}
	return Identity{}
}

// underneath follows sysfs from a block device to what is below it (Documentation/ABI/stable/sysfs-block).
func underneath(sys string, depth int) (all []place) {
	const deepest = 8 // of devices on devices
	if depth == deepest {
		return nil
	}
	if file, err := os.ReadFile(sys + "/loop/backing_file"); err == nil {
		all = append(all, IdentifyPath(strings.TrimSuffix(string(file), "\n")).all()...)
	}
	below, _ := filepath.Glob(sys + "/slaves/*") // a pattern that is right cannot fail
	if _, err := os.Stat(sys + "/partition"); err == nil {
		below = append(below, sys+"/..")
	}
	for _, dir := range below {
		dir, err := filepath.EvalSymlinks(dir)
		if err != nil {
			continue
		}
		if p, ok := number(dir); ok {
			all = append(all, p)
			all = append(all, underneath(dir, depth+1)...)
		}
	}
	return all
}

// number is the place of the block device whose directory in sysfs is dir.
func number(dir string) (place, bool) {
	b, err := os.ReadFile(dir + "/dev")
	if err != nil {
		return place{}, false
	}
	major, minor, _ := strings.Cut(strings.TrimSpace(string(b)), ":")
	x, err1 := strconv.ParseUint(major, 10, 32)
	y, err2 := strconv.ParseUint(minor, 10, 32)
	return place{dev: unix.Mkdev(uint32(x), uint32(y)), device: true}, err1 == nil && err2 == nil
}

// all are the places of i and of what is beneath it.
func (i Identity) all() []place {
	if i.place == (place{}) {
		return nil
	}
	return append([]place{i.place}, i.beneath...)
}

// Overlaps says whether a byte written to one may be a byte of the other.
func (i Identity) Overlaps(j Identity) bool {
	return slices.Contains(i.all(), j.place) || slices.Contains(j.all(), i.place)
}
