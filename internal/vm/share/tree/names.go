package tree

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// maxName is NAME_MAX.
const maxName = 255

// checkName refuses what is not one component of a path.
func checkName(name string) error {
	switch {
	case name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00"):
		return unix.EINVAL
	case len(name) > maxName:
		return unix.ENAMETOOLONG
	}
	return nil
}

// resolve is how names are looked up: nothing leads out of the directory, and no link is followed.
const resolve = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS

// tries is how often a lookup is begun that the kernel gives up because something was moved meanwhile (openat2(2), EAGAIN).
const tries = 8

// openBeneath opens a name, which checkName has let pass, in a directory.
func openBeneath(dir int, name string, flags int, mode uint32) (fd int, err error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_NOFOLLOW | unix.O_CLOEXEC), Mode: uint64(mode), Resolve: resolve}
	for range tries {
		fd, err = retry(func() (int, error) { return unix.Openat2(dir, name, &how) })
		if !errors.Is(err, unix.EAGAIN) {
			break
		}
	}
	return fd, err
}

// find gives an O_PATH descriptor for a name, whatever kind of file it is, and what the host says of it.
func find(dir int, name string, st *unix.Stat_t) (fd int, err error) {
	if fd, err = openBeneath(dir, name, unix.O_PATH, 0); err != nil {
		return -1, err
	}
	if err = unix.Fstat(fd, st); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}
