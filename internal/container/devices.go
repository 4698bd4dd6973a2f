package container

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// deviceNames are the devices that every program may count on. They are the host's own
// files, mounted one by one; no other can be made, since nobody inside has CAP_MKNOD
// over the host, and the root is mounted nodev. The mounts are read-only, which lets a device
// be written to, but keeps its owner and mode as everybody on the host needs them.
var deviceNames = [...]string{"null", "zero", "full", "random", "urandom", "tty"}

// deviceLinks are names that lead to the descriptors of whoever uses them.
var deviceLinks = [...]struct{ name, to string }{
	{"fd", "/proc/self/fd"},
	{"ptmx", "pts/ptmx"},
}

// mountDev makes a small /dev in memory.
func (s *stage) mountDev() error {
	dev, err := newMount("tmpfs", unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC, "mode", "755", "size", "64k")
	if err != nil {
		return err
	}
	defer dev.close()
	if err := dev.attach(int(s.root), "dev"); err != nil {
		return err
	}
	for _, name := range deviceNames {
		if err := s.device(dev, name); err != nil {
			return fmt.Errorf("/dev/%s: %w", name, err)
		}
	}
	for _, l := range deviceLinks {
		if err := unix.Symlinkat(l.to, int(dev), l.name); err != nil {
			return &os.PathError{Op: "symlink", Path: l.name, Err: err}
		}
	}
	for i, name := range standardNames {
		if s.Shown[i] {
			if err := s.showStandard(dev, i); err != nil {
				return fmt.Errorf("/dev/%s: %w", name, err)
			}
			continue
		}
		if err := unix.Symlinkat("/proc/self/fd/"+strconv.Itoa(i), int(dev), name); err != nil {
			return &os.PathError{Op: "symlink", Path: name, Err: err}
		}
	}
	pts := []string{"mode", "620", "ptmxmode", "666"}
	if s.TTYGroup {
		pts = append(pts, "gid", "5") // tty, by convention of all distributions
	}
	if err := mountAt(dev, "pts", "devpts", unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC, pts...); err != nil {
		return err
	}
	return mountAt(dev, "shm", "tmpfs", hardened, "mode", "1777", "size", "64m")
}

// device mounts one device file of the host's over an empty file.
func (s *stage) device(dev mount, name string) error {
	source, err := clone(s.host, "dev/"+name, 0)
	if err != nil {
		return err
	}
	defer source.close()
	if err := source.set(unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC, 0); err != nil {
		return err
	}
	const permissions = 0o666
	if err := unix.Mknodat(int(dev), name, unix.S_IFREG|permissions, 0); err != nil {
		return os.NewSyscallError("mknodat", err)
	}
	return source.attachOver(int(dev), name)
}

func mountAt(in mount, name, kind string, attributes int, options ...string) error {
	m, err := newMount(kind, attributes, options...)
	if err != nil {
		return err
	}
	defer m.close()
	return m.attach(int(in), name)
}

// openPTY opens a new pair of pseudoterminals of the container's own: near is the
// program's, far is that of whoever plays the terminal (pts(4)).
func openPTY() (near, far int, err error) {
	const flags = unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC
	far, err = unix.Open("/dev/pts/ptmx", flags, 0)
	if err != nil {
		return -1, -1, os.NewSyscallError("open /dev/pts/ptmx", err)
	}
	n, err := unix.IoctlGetUint32(far, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(far, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		near, err = unix.Open(fmt.Sprintf("/dev/pts/%d", n), flags, 0)
	}
	if err != nil {
		_ = unix.Close(far)
		return -1, -1, os.NewSyscallError("pseudoterminal", err)
	}
	return near, far, nil
}

// plainOutput has a terminal show what is written as it is written: the next terminal on
// the way to the user adds carriage returns and the like (termios(3), OPOST).
func plainOutput(terminal int) error {
	settings, err := unix.IoctlGetTermios(terminal, unix.TCGETS)
	if err != nil {
		return os.NewSyscallError("TCGETS", err)
	}
	settings.Oflag &^= unix.OPOST
	return os.NewSyscallError("TCSETS", unix.IoctlSetTermios(terminal, unix.TCSETS, settings))
}
