package container

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Standard files belong to somebody outside, who is nobody in a user namespace. To use them
// needs no right, as they are open; but programs also open them once more, as /dev/stdout
// or /proc/self/fd/1. So that this works as without a namespace:
//
//	a pipe of a shell's   everybody may open it. Nobody but those who have it, and who
//	                      may look into their processes, can name it
//	a file, a named pipe  /dev/stdin, /dev/stdout or /dev/stderr is a mount of it that
//	                      shows its owner in the container's numbers
//	a terminal            is replaced by the container's own, if Config.TTY says so
//	others                /dev/null and the like are everybody's; a socket can be opened
//	                      by nobody anywhere

// standardNames are the names in /dev of the standard files, by their numbers.
var standardNames = [len(standard{})]string{"stdin", "stdout", "stderr"}

// files are the standard files.
func (c *Config) files() [len(standard{})]*os.File {
	return [...]*os.File{c.Stdin, c.Stdout, c.Stderr}
}

// openStandard takes mounts of the standard files that need one. What cannot be mounted, or
// cannot be shown in other numbers, stays as it is.
func (s *start) openStandard() error {
	if !s.privileged || s.c.Users == UsersHost {
		return nil
	}
	for i, f := range s.c.files() {
		if s.c.TTY[i] {
			continue
		}
		fd := int(f.Fd())
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return os.NewSyscallError("fstat", err)
		}
		kind := st.Mode & unix.S_IFMT
		switch {
		case kind == unix.S_IFIFO && isPipe(fd):
			const everybody = 0o666
			if st.Mode&everybody != everybody {
				_ = unix.Fchmod(fd, st.Mode|everybody) // or it stays closed to the program
			}
		case kind == unix.S_IFIFO || kind == unix.S_IFREG:
			s.showStandard(i, fd)
		}
	}
	return nil
}

// isPipe tells a pipe without a name from one that has one.
func isPipe(fd int) bool {
	var fs unix.Statfs_t
	return unix.Fstatfs(fd, &fs) == nil && fs.Type == unix.PIPEFS_MAGIC
}

// showStandard takes a mount of a file that is open.
func (s *start) showStandard(i, fd int) {
	tree, err := unix.OpenTree(fd, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return // it has no name any more, or is in no mount of ours
	}
	m := mount(tree)
	attributes := uint64(hardened)
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || flags&unix.O_ACCMODE == unix.O_RDONLY {
		attributes |= unix.MOUNT_ATTR_RDONLY
	}
	private := &unix.MountAttr{Attr_set: attributes, Propagation: unix.MS_PRIVATE}
	err = unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, private)
	if errors.Join(err, shiftOwners(m, s.k.process.Pid)) != nil {
		m.close()
		return
	}
	s.standard[i], s.shown[i] = m, true
}

// closeStandard closes what openStandard took.
func (s *start) closeStandard() {
	for i, shown := range s.shown {
		if shown {
			s.standard[i].close()
		}
	}
}

// showStandard mounts a standard file over its name in /dev, if it was given for that.
func (s *stage) showStandard(dev mount, i int) error {
	const permissions = 0o600
	if err := unix.Mknodat(int(dev), standardNames[i], unix.S_IFREG|permissions, 0); err != nil {
		return os.NewSyscallError("mknodat", err)
	}
	defer s.standard[i].close()
	return s.standard[i].attachOver(int(dev), standardNames[i])
}
