package container

import (
	"errors"
	"os"

	"terem/internal/fault"

	"golang.org/x/sys/unix"
)

// Standard files belong to somebody outside, who is nobody in a user namespace. To use them
// needs no right, as they are open; but programs also open them once more, as /dev/stdout
// or /proc/self/fd/1. So that this works as without a namespace:
//
//	a pipe of a shell's   everybody may open it. Nobody but those who have it, and who
//	                      may look into their processes, can name it
//	a file, a named pipe  /dev/stdin, /dev/stdout or /dev/stderr is a mount of it that
//	                      shows its owner in the container's numbers (see access)
//	a terminal            is replaced by the container's own, if Config.TTY says so
//	others                /dev/null and the like are everybody's; a socket can be opened
//	                      by nobody anywhere
//	a directory           is refused, and so is what is open as a name alone (O_PATH)

// standardNames are the names in /dev of the standard files, by their numbers.
var standardNames = [len(standard{})]string{"stdin", "stdout", "stderr"}

// files are the standard files.
func (c *Config) files() [len(standard{})]*os.File {
	return [...]*os.File{c.Stdin, c.Stdout, c.Stderr}
}

// checkStandard refuses what would lead out of the container: by ".." from a directory, by
// what is mounted, or linked, where a name alone was opened.
func (c *Config) checkStandard() error {
	for i, f := range c.files() {
		if f == nil {
			continue
		}
		thing := [...]string{"standard input", "standard output", "standard error"}[i]
		var st unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &st); err != nil {
			return &fault.Error{Class: fault.Usage, Thing: thing, Err: err}
		}
		flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
		switch {
		case err != nil:
			return &fault.Error{Class: fault.Usage, Thing: thing, Err: err}
		case st.Mode&unix.S_IFMT == unix.S_IFDIR:
			return &fault.Error{Class: fault.Usage, Thing: thing, Cause: "it is a directory, which would lead out of the container", Mend: "use " + fault.Field("Binds") + " to show one"}
		case flags&unix.O_PATH != 0:
			return &fault.Error{Class: fault.Usage, Thing: thing, Cause: "it is open as a name alone (O_PATH), which would lead out of the container", Mend: "open it for reading or writing"}
		}
	}
	return nil
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
		if st.Mode&unix.S_IFMT == unix.S_IFIFO && isPipe(fd) {
			const everybody = 0o666
			if st.Mode&everybody != everybody {
				_ = unix.Fchmod(fd, st.Mode|everybody) // or it stays closed to the program
			}
			continue
		}
		if attributes, ok := access(fd, &st); ok {
			s.showStandard(i, fd, attributes)
		}
	}
	return nil
}

// access says whether a file is mounted over its name in /dev, and with which attributes. A
// mount knows reading, or all that an owner may do; the descriptor may be for less. So it is
// not mounted if that would show, or let go, what was in it before:
//
//	for reading                   a mount for reading
//	for reading and writing       a mount for all
//	for writing, empty: `>file`   likewise; nothing is in it but what comes from inside
//	for writing, not empty        none
//	for appending: `>>log`        none
//	a named pipe                  a mount for reading, which keeps owner and mode as they
//	                              are, and lets special files be opened for writing, too
func access(fd int, st *unix.Stat_t) (attributes uint64, ok bool) {
	kind := st.Mode & unix.S_IFMT
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil || kind != unix.S_IFREG && kind != unix.S_IFIFO {
		return 0, false
	}
	const readOnly = hardened | unix.MOUNT_ATTR_RDONLY
	mode := flags & unix.O_ACCMODE
	switch {
	case kind == unix.S_IFIFO || mode == unix.O_RDONLY:
		return readOnly, true
	case flags&unix.O_APPEND != 0:
		return 0, false
	}
	return hardened, mode == unix.O_RDWR || st.Size == 0
}

// isPipe tells a pipe without a name from one that has one.
func isPipe(fd int) bool {
	var fs unix.Statfs_t
	return unix.Fstatfs(fd, &fs) == nil && fs.Type == unix.PIPEFS_MAGIC
}

// showStandard takes a mount of a file that is open.
func (s *start) showStandard(i, fd int, attributes uint64) {
	tree, err := unix.OpenTree(fd, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH)
	if err != nil {
		return // it has no name any more, or is in no mount of ours
	}
	m := mount(tree)
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

// changesFile says whether the program can change a regular file that is among its standard
// files: its content, owner or mode. By a descriptor alone that takes one for writing; but
// who has the host's numbers, or those of an ordinary caller, may be its owner and open it
// once more (proc_pid_fd(5)).
func (c *Config) changesFile(ordinary bool) bool {
	owner := ordinary || c.Users == UsersHost
	for _, f := range c.files() {
		fd := int(f.Fd())
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil || owner || flags&unix.O_ACCMODE != unix.O_RDONLY {
			return true
		}
	}
	return false
}

// reopenNull has standard files that are the host's /dev/null be the container's, whose owner
// and mode cannot be changed.
func (s *stage) reopenNull() error {
	null := unix.Mkdev(1, 3) // Documentation/admin-guide/devices.txt
	for fd := range standardNames {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != null {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil {
			return os.NewSyscallError("fcntl", err)
		}
		own, err := unix.Open("/dev/null", flags&unix.O_ACCMODE|unix.O_CLOEXEC, 0)
		if err != nil {
			return &os.PathError{Op: "open", Path: "/dev/null", Err: err}
		}
		err = unix.Dup3(own, fd, 0)
		_ = unix.Close(own)
		if err != nil {
			return os.NewSyscallError("dup3", err)
		}
	}
	return nil
}
