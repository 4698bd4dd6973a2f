package container

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"terem/internal/fault"

	"golang.org/x/sys/unix"
)

// The root directory belongs to whoever made it, who may have put a symbolic link where
// a mount is to go. So the root is entered first, and mounted into afterwards: then a
// link leads nowhere but into the root itself. Links are not followed all the same.

// enterRoot makes the root directory "/", with file systems of its own in it, and leaves
// nothing of the host's in sight.
func (s *stage) enterRoot() (err error) {
	// Nothing that is mounted from here on is seen outside, or the other way round.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return os.NewSyscallError("mount private", err)
	}
	if !s.Mounted {
		if s.root, s.binds, err = cloneTrees(s.Root, s.Binds, unix.AT_RECURSIVE); err != nil {
			return err
		}
		if err := s.sealBelow(); err != nil {
			return err
		}
	}
	if s.host, err = unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return os.NewSyscallError("open /", err)
	}
	defer unix.Close(s.host)
	if err := s.pivot(); err != nil {
		return err
	}
	// What is made of the host's comes first. Until the host's root is off, ".." of the new
	// root leads there, so paths that persons gave come last.
	for _, fill := range []func() error{s.mountProc, s.mountSys, s.mountDev, s.leaveHost, s.mountTmp, s.mountBinds, s.sealRoot} {
		if err := fill(); err != nil {
			return err
		}
	}
	return nil
}

// pivot puts the root above the host's root, and swaps the two.
func (s *stage) pivot() error {
	if err := unix.MoveMount(int(s.root), "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return os.NewSyscallError("move_mount /", err)
	}
	if err := unix.Fchdir(int(s.root)); errors.Is(err, unix.EACCES) {
		return &fault.Error{Class: fault.Usage, Thing: fault.Field("Root"), Err: err, Mend: "name a directory that you may enter"}
	} else if err != nil {
		return os.NewSyscallError("fchdir", err)
	}
	if err := s.protectRoot(); err != nil {
		return err
	}
	// Both the same: the old root ends up above the new one, from where it is taken off
	// (pivot_root(2), "pivot_root(".", ".")").
	err := unix.PivotRoot(".", ".")
	if errors.Is(err, unix.EINVAL) {
		return &fault.Error{Class: fault.Host, Thing: "pivot_root", Err: errors.New("this host runs from its initial RAM disk, which cannot be left"),
			Mend: "run terem where the root file system is on a disk"}
	}
	return os.NewSyscallError("pivot_root", err)
}

// protectRoot makes a root read-only, if that was asked for, before anything is mounted in
// it, so that nothing is made there for that.
func (s *stage) protectRoot() error {
	if !s.ReadOnly {
		return nil
	}
	if err := s.root.set(unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_RDONLY, 0); err != nil {
		return err
	}
	if !s.lackingTop() {
		return nil
	}
	if err := s.topInMemory(); err != nil {
		return err
	}
	return os.NewSyscallError("fchdir", unix.Fchdir(int(s.root)))
}

// leaveHost takes the host's root, and all that is mounted in it, out of this namespace.
// One file of it stays in reach for a moment: terem, which this process runs. A script in
// the root whose interpreter is /proc/self/exe would run it inside, and root inside could
// then write to it, if the file is that user's (CVE-2019-5736). So it is read-only.
func (s *stage) leaveHost() error {
	if !s.OwnUsers || !s.Mounted {
		if err := mount(s.host).set(unix.MOUNT_ATTR_RDONLY, unix.AT_RECURSIVE); err != nil {
			return err
		}
	}
	if err := unix.Fchdir(s.host); err != nil {
		return os.NewSyscallError("fchdir", err)
	}
	// What is mounted on the old root is found first: a root that got a top in memory.
	layers := 1
	if s.covered {
		layers++
	}
	for range layers {
		if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
			return os.NewSyscallError("umount2", err)
		}
	}
	if dir, err := unix.Getwd(); err == nil { // it cannot be named any more
		return fmt.Errorf("the host's files are still there, in %s", dir)
	}
	return os.NewSyscallError("chdir", unix.Chdir("/"))
}

// sealRoot forbids device files in the root, whoever made them, and writing to it if
// that was asked for.
func (s *stage) sealRoot() error {
	attributes := uint64(unix.MOUNT_ATTR_NODEV)
	if s.ReadOnly {
		attributes |= unix.MOUNT_ATTR_RDONLY
	}
	return s.root.set(attributes, 0)
}

// sealBelow does the same for what is mounted in the root directory, which an ordinary
// user cannot leave out: it might hide something. The root itself is left for later, when
// all that is to be in it has been mounted.
func (s *stage) sealBelow() error {
	attributes := uint64(unix.MOUNT_ATTR_NODEV)
	var before unix.Statfs_t
	if err := unix.Fstatfs(int(s.root), &before); err != nil {
		return os.NewSyscallError("fstatfs", err)
	}
	if s.ReadOnly {
		attributes |= unix.MOUNT_ATTR_RDONLY
	}
	err := s.root.set(attributes, unix.AT_RECURSIVE)
	if err == nil && s.ReadOnly && before.Flags&unix.ST_RDONLY == 0 {
		err = s.root.clear(unix.MOUNT_ATTR_RDONLY)
	}
	return err
}

// mountProc shows the processes of this namespace. What tells of the host, or changes it,
// is hidden or cannot be written: the paths are those of container engines.
func (s *stage) mountProc() error {
	proc, err := newMount("proc", hardened)
	if err != nil {
		return err
	}
	defer proc.close()
	if err := proc.attach(int(s.root), "proc"); err != nil {
		return err
	}
	if err := s.hide(proc, "acpi", "asound", "interrupts", "kcore", "keys", "latency_stats",
		"sched_debug", "scsi", "timer_list", "timer_stats"); err != nil {
		return err
	}
	return readOnly(proc, "bus", "fs", "irq", "sys", "sysrq-trigger")
}

// mountSys shows the kernel's objects, read-only. A mount of one's own needs a network
// namespace of one's own, whose interfaces it shows; with the host's, it is the host's.
func (s *stage) mountSys() error {
	sys, err := newMount("sysfs", hardened|unix.MOUNT_ATTR_RDONLY)
	if err != nil && s.OwnUsers && !s.OwnNetwork {
		sys, err = clone(s.host, "sys", unix.AT_RECURSIVE)
	}
	if err != nil {
		return err
	}
	defer sys.close()
	if err := sys.set(hardened|unix.MOUNT_ATTR_RDONLY, unix.AT_RECURSIVE); err != nil {
		return err
	}
	if err := sys.attach(int(s.root), "sys"); err != nil {
		return err
	}
	return s.hide(sys, "firmware", "devices/virtual/powercap")
}

// mountTmp gives a root that cannot be written a place in memory for what most programs
// have to write somewhere, if it has the directory.
func (s *stage) mountTmp() error {
	if !s.ReadOnly || unix.Faccessat(int(s.root), "tmp", unix.F_OK, 0) != nil {
		return nil
	}
	options := []string{"mode", "1777"}
	if s.Ceilings.Tmp != 0 {
		options = append(options, "size", strconv.FormatUint(s.Ceilings.Tmp, 10))
	}
	tmp, err := newMount("tmpfs", unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV, options...)
	if err != nil {
		return err
	}
	defer tmp.close()
	return tmp.attachNew(int(s.root), "tmp")
}

// mountBinds mounts files and directories of the host's. There are no devices in them.
func (s *stage) mountBinds() error {
	for i, b := range s.Binds {
		attributes := uint64(unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOSUID)
		if b.ReadOnly {
			attributes |= unix.MOUNT_ATTR_RDONLY
		}
		if err := s.binds[i].set(attributes, unix.AT_RECURSIVE); err != nil {
			return err
		}
		if err := s.binds[i].attachNew(int(s.root), bindTarget(b)); err != nil {
			return err
		}
		s.binds[i].close()
	}
	return nil
}

// hide covers a file with /dev/null, and a directory with an empty one.
func (s *stage) hide(in mount, names ...string) error {
	for _, name := range names {
		var st unix.Stat_t
		switch err := unix.Fstatat(int(in), name, &st, unix.AT_SYMLINK_NOFOLLOW); {
		case errors.Is(err, unix.ENOENT):
			continue // this kernel has no such thing
		case err != nil:
			return &os.PathError{Op: "stat", Path: name, Err: err}
		}
		var cover mount
		var err error
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			cover, err = newMount("tmpfs", hardened|unix.MOUNT_ATTR_RDONLY, "size", "0", "mode", "555")
		} else {
			cover, err = clone(s.host, "dev/null", 0)
		}
		if err == nil {
			err = cover.attachOver(int(in), name)
			cover.close()
		}
		if err != nil {
			return fmt.Errorf("hide %s: %w", name, err)
		}
	}
	return nil
}

// readOnly covers files and directories with themselves, unwritable.
func readOnly(in mount, names ...string) error {
	for _, name := range names {
		self, err := clone(int(in), name, unix.AT_RECURSIVE)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err == nil {
			err = self.set(unix.MOUNT_ATTR_RDONLY, unix.AT_RECURSIVE)
			if err == nil {
				err = self.attachOver(int(in), name)
			}
			self.close()
		}
		if err != nil {
			return fmt.Errorf("make %s read-only: %w", name, err)
		}
	}
	return nil
}
