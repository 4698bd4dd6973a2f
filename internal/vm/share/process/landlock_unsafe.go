package process

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Rights of Landlock (Documentation/userspace-api/landlock.rst). What is handled and not given is refused.
const (
	readRights  = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	writeRights = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_SYM | unix.LANDLOCK_ACCESS_FS_REFER
	deviceRights = unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK

	// Landlock before version 2 forbids to move files from one directory to another.
	leastVersion    = 2
	truncateVersion = 3
)

// restrict leaves this process no files but those below a directory. Where Linux has no Landlock, or an old one, it does nothing.
func restrict(dir int, readOnly bool) error {
	const askVersion = 1 // LANDLOCK_CREATE_RULESET_VERSION
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, askVersion)
	if errno != 0 || version < leastVersion {
		return nil
	}
	handled := uint64(readRights | writeRights | deviceRights)
	given := uint64(readRights | writeRights)
	if version >= truncateVersion {
		handled |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
		given |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if readOnly {
		given = readRights
	}
	rules := unix.LandlockRulesetAttr{Handled_access_fs: handled}
	// SAFETY: the kernel reads the structure during the call. Its first field alone is known to every version.
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&rules)), unsafe.Sizeof(rules.Handled_access_fs), 0)
	if errno != 0 {
		return errno
	}
	defer unix.Close(int(fd))
	below := struct { // struct landlock_path_beneath_attr, packed: 12 bytes
		allowed uint64
		parent  int32
	}{given, int32(dir)}
	const pathBeneath = 1 // LANDLOCK_RULE_PATH_BENEATH
	// SAFETY: the kernel reads the first 12 bytes of the structure during the call.
	if _, _, errno = unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, fd, pathBeneath, uintptr(unsafe.Pointer(&below)), 0, 0, 0); errno != 0 {
		return errno
	}
	return onAllThreads(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0)
}

// onAllThreads makes a system call on each thread of this process.
func onAllThreads(call, a, b, c uintptr) error {
	if _, _, errno := syscall.AllThreadsSyscall(call, a, b, c); errno != 0 {
		return errno
	}
	return nil
}

// keepCapabilities gives up all others.
func keepCapabilities(kept uint64) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	for i := range data {
		half := uint32(kept >> (32 * i))
		data[i] = unix.CapUserData{Effective: half, Permitted: half}
	}
	// SAFETY: the kernel reads both structures during the calls, and writes into the header what it has already.
	return onAllThreads(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data)), 0)
}
