package link

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// vectored is readv(2) or writev(2). Those of package unix build the vector anew on the heap.
func vectored(call, fd uintptr, v []unix.Iovec) (int, error) {
	// SAFETY: v has an element at least, and is alive until the call returns, and its Base pointers with it.
	n, _, errno := unix.Syscall(call, fd, uintptr(unsafe.Pointer(&v[0])), uintptr(len(v)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// setInterface is TUNSETIFF: it says which interface an open /dev/net/tun is, and fills in its name.
func setInterface(fd int, r *ifreq) error {
	// SAFETY: the kernel reads and writes a struct ifreq, which has 40 bytes, during the call.
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TUNSETIFF, uintptr(unsafe.Pointer(r)))
	if errno != 0 {
		return errno
	}
	return nil
}
