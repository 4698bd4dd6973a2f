// Package kvm holds typed handles on the Linux KVM API for x86-64.
//
// KVM is driven through three kinds of file descriptor, and this package has
// one type for each:
//
//	System  /dev/kvm             what the host can do; creates VMs
//	VM      KVM_CREATE_VM        memory slots, interrupt chips, clocks; creates vCPUs
//	VCPU    KVM_CREATE_VCPU      registers, and KVM_RUN: the guest executes
//
// A vCPU shares a page with the kernel (struct kvm_run). After Run returns, its
// exit.go views (IO, MMIO, ...) alias that page: they are valid until the next
// Run, and reading them allocates nothing.
//
// Every failing ioctl is an *Error that names it ("KVM_SET_REGS: invalid
// argument"). Run is the exception on the hot path: it returns ErrInterrupted
// when a Kick or a signal ended it, which is no failure.
//
// The register structs, most constants and the calls off the hot path come from
// github.com/bobuhiro11/gokvm; gokvm.go is the only file that imports it. What
// gokvm lacks, or has with a defect that matters here, is in abi.go.
//
// The truth is the kernel's Documentation/virt/kvm/api.rst and
// include/uapi/linux/kvm.h. Read first: system.go, vm.go, vcpu.go, then exit.go.
package kvm
