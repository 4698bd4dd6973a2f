package kvm

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Directions of an ioctl number (asm-generic/ioctl.h).
const (
	dirNone  = 0
	dirWrite = 1
	dirRead  = 2
)

// ioc builds an ioctl number of type KVMIO:
//
//	31  30 29        16 15       8 7        0
//	[ dir ][   size   ][  0xAE   ][   nr    ]
func ioc(dir, nr, size uintptr) uintptr {
	const kvmio = 0xAE
	return dir<<30 | size<<16 | kvmio<<8 | nr
}

// ioctl passes a pointer to the kernel and retries while a signal interrupts it.
func ioctl[T any](fd int, op string, req uintptr, arg *T) error {
	for {
		// SAFETY: the conversion stands inside the system call expression, so arg
		// is kept alive and in place until the kernel is done with it.
		_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), req, uintptr(unsafe.Pointer(arg)))
		switch e {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return &Error{Op: op, Err: e}
		}
	}
}

// ioctlCount is ioctl for the calls whose result is a count.
func ioctlCount[T any](fd int, op string, req uintptr, arg *T) (int, error) {
	for {
		// SAFETY: as in ioctl.
		n, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), req, uintptr(unsafe.Pointer(arg)))
		switch e {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, &Error{Op: op, Err: e}
		}
	}
}

// ioctlInt passes an integer to the kernel and returns the call's result.
func ioctlInt(fd int, op string, req uintptr, arg uintptr) (int, error) {
	for {
		n, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), req, arg)
		switch e {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, &Error{Op: op, Err: e}
		}
	}
}

func sizeof[T any]() uintptr {
	var t T
	return unsafe.Sizeof(t)
}

// viewRun lays struct kvm_run over the page that a vCPU shares with the kernel.
func viewRun(page []byte) *runPage {
	if uintptr(len(page)) < sizeof[runPage]() {
		panic("kvm: the vCPU's shared page is smaller than struct kvm_run")
	}
	// SAFETY: the page is page-aligned and at least as long as the struct; it is
	// mapped until VCPU.Close, and no view outlives that.
	return (*runPage)(unsafe.Pointer(&page[0]))
}

// viewAt lays a T over the exit union of the shared page.
func viewAt[T any](u *[256]byte) *T {
	// SAFETY: every exit struct is at most 256 bytes long (asserted in abi.go), the
	// union starts at offset 32 of a page, and each T is at most 8-aligned.
	return (*T)(unsafe.Pointer(u))
}

// hostAddress gives the address of guest RAM in this process, for a memory slot.
func hostAddress(b []byte) uint64 {
	// SAFETY: the memory comes from mmap, which the garbage collector never moves.
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b))))
}

// asBytes views a struct of fixed layout as bytes, for reads into it.
func asBytes[T any](t *T) []byte {
	// SAFETY: the slice covers exactly *t, which it keeps alive.
	return unsafe.Slice((*byte)(unsafe.Pointer(t)), unsafe.Sizeof(*t))
}
