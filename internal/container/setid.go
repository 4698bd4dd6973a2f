package container

import (
	"slices"

	"golang.org/x/sys/unix"
)

// What a container writes into a bind, or gets as a standard file, is a file of the host's,
// and root inside writes as the host's root, or there would be little that it could write. Inside, a file that gives rights
// to whoever executes it means nothing: there is no_new_privs, and the bind is nosuid. Outside
// it would be a door for everybody who can reach it. No attribute of a mount keeps the bits
// from the file. So while a container has such a file that it can write, it can make none that
// gives rights, anywhere: neither by its set-user-ID or set-group-ID bit (setIDs) nor by
// capabilities (dropCapabilities).

// writesToHost says whether the container can write to files of the host's beside its root.
func (c *Config) writesToHost(ordinary bool) bool {
	return c.changesFile(ordinary) || slices.ContainsFunc(c.Binds, func(b Bind) bool { return !b.ReadOnly })
}

const (
	setIDBits = unix.S_ISUID | unix.S_ISGID
	// makesFile has the flags of open(2) with which its mode means something. O_TMPFILE is
	// two flags, of which the other one is O_DIRECTORY.
	makesFile = unix.O_CREAT | unix.O_TMPFILE&^unix.O_DIRECTORY
)

// setIDs are the calls that give a file those bits. mkdir(2) is not among them: it takes none.
var setIDs = [...]denial{
	{errno: unix.EPERM, calls: []uint32{unix.SYS_CHMOD, unix.SYS_FCHMOD, unix.SYS_CREAT, unix.SYS_MKNOD}, where: []argument{{1, setIDBits, 0}}},
	{errno: unix.EPERM, calls: []uint32{unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2, unix.SYS_MKNODAT}, where: []argument{{2, setIDBits, 0}}},
	{errno: unix.EPERM, calls: []uint32{unix.SYS_OPEN}, where: []argument{{1, makesFile, 0}, {2, setIDBits, 0}}},
	{errno: unix.EPERM, calls: []uint32{unix.SYS_OPENAT}, where: []argument{{2, makesFile, 0}, {3, setIDBits, 0}}},
	// Its mode is in memory. Whoever calls it can do without: it is of Linux 5.6.
	{errno: unix.ENOSYS, calls: []uint32{unix.SYS_OPENAT2}},
}
