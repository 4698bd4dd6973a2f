package disk

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// preadv is preadv(2). unix.Preadv would build the vector anew on the heap.
func preadv(fd int, v []unix.Iovec, off int64) (int, error) {
	return vectored(unix.SYS_PREADV, fd, v, off, 0)
}

// pwritev is pwritev(2).
func pwritev(fd int, v []unix.Iovec, off int64) (int, error) {
	return vectored(unix.SYS_PWRITEV, fd, v, off, 0)
}

// preadvCached is preadv2(2) that reads no more than the page cache has.
func preadvCached(fd int, v []unix.Iovec, off int64) (int, error) {
	const nowait = 0x8 // RWF_NOWAIT, linux/fs.h
	return vectored(unix.SYS_PREADV2, fd, v, off, nowait)
}

func vectored(nr uintptr, fd int, v []unix.Iovec, off int64, flags uintptr) (int, error) {
	if len(v) == 0 {
		return 0, nil
	}
	// SAFETY: v is alive until the call returns, and its Base pointers with it: they
	// are Go pointers in memory that the collector scans. On a 64-bit kernel the
	// first half of the offset is all of it (read_write.c, pos_from_hilo).
	n, _, errno := unix.Syscall6(nr, uintptr(fd), uintptr(unsafe.Pointer(&v[0])), uintptr(len(v)), uintptr(off), 0, flags)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// ioctlRange is an ioctl that takes a range as two 64-bit numbers: BLKDISCARD and
// BLKZEROOUT (block/ioctl.c).
func ioctlRange(fd int, req uint, off, n int64) error {
	r := [2]uint64{uint64(off), uint64(n)}
	// SAFETY: the kernel reads 16 bytes during the call.
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(req), uintptr(unsafe.Pointer(&r)))
	if errno != 0 {
		return errno
	}
	return nil
}

// deviceSize is BLKGETSIZE64: bytes.
func deviceSize(fd int) (int64, error) {
	var n uint64
	// SAFETY: the kernel writes 8 bytes during the call.
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.BLKGETSIZE64, uintptr(unsafe.Pointer(&n)))
	if errno != 0 {
		return 0, errno
	}
	return int64(n), nil
}

// misaligned says whether a piece's address or length is no multiple of align, a
// power of two.
func misaligned(p []byte, align uintptr) bool {
	// SAFETY: the address is only looked at.
	return (uintptr(unsafe.Pointer(unsafe.SliceData(p)))|uintptr(len(p)))&(align-1) != 0
}

// skip is the address of a piece's byte n, which the piece has.
func skip(v unix.Iovec, n int) *byte {
	// SAFETY: 0 < n < v.Len, so the sum stays within the object Base points into.
	return (*byte)(unsafe.Add(unsafe.Pointer(v.Base), n))
}
