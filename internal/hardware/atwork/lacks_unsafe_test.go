package atwork

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data (include/uapi/linux/seccomp.h); of an argument, its lower half.
const (
	dataNumber = 0
	dataArg1   = 24
	dataArg2   = 32
	word       = 4
)

// checkExtension is KVM_CHECK_EXTENSION (include/uapi/linux/kvm.h).
const checkExtension = 0xae03

// withoutCapability has the kernel answer 0 when this thread, and what it executes, asks for a capability: a system call
// that "fails" with error 0.
func withoutCapability(n uint32) error {
	code, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: dataNumber, Size: word},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.SYS_IOCTL, SkipTrue: 5},
		bpf.LoadAbsolute{Off: dataArg1, Size: word},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: checkExtension, SkipTrue: 3},
		bpf.LoadAbsolute{Off: dataArg2, Size: word},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: n, SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO},
		bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW},
	})
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(code))
	for i, c := range code {
		filter[i] = unix.SockFilter{Code: c.Op, Jt: c.Jt, Jf: c.Jf, K: c.K}
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	// SAFETY: the kernel copies the program before the call returns; prog keeps the filter alive until then.
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(&prog)
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}
