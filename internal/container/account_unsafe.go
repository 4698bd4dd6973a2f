package container

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// setGroups sets this thread's further groups. An ordinary user's container may not, and keeps what it has.
func setGroups(groups []uint32) error {
	// SAFETY: the kernel copies the list during the call, which holds it.
	_, _, errno := syscall.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(unsafe.SliceData(groups))), 0)
	if errno != 0 && (errno != unix.EPERM || len(groups) > 0) {
		return errno
	}
	return nil
}
