// Package assist finishes for KVM what KVM cannot finish by itself.
//
// On a KVM backend without hardware support the guest's kernel code runs in KVM's instruction
// emulator, which does not know every instruction. It then leaves with an internal error (api.rst,
// KVM_INTERNAL_ERROR_EMULATION) and the VMM may carry the instruction out on the vCPU's registers
// and go on. And such a backend may leave the guest in user mode after SYSCALL; the fault that
// follows is caught at the guest's own page-fault handler and turned into the entry that SYSCALL
// should have been.
//
// ProbeSyscall finds out, by running a few instructions, what a host needs. On hardware nothing is armed
// and nothing here costs anything.
//
// One Unit belongs to one vCPU and is used on that vCPU's thread only. The guest is hostile: its
// code bytes, registers and page tables are read once, bounded, and never trusted; a memory access
// that hardware would refuse becomes the exception that hardware would raise.
//
//	unit.go      Unit, its counters, and what it needs of a vCPU
//	internal.go  one internal error: fetch, decode, execute, commit or raise
//	decode.go    prefixes, opcode, ModRM   operand.go  registers and addresses
//	table.go     every instruction that can be finished
//	paging.go    the guest's page tables   space.go    guest-linear memory
//	simple.go, memop.go, xsave.go, bits.go, descriptor.go   the instructions
//	instead.go   an exception for what nobody finishes   gate.go   the guest's IDT
//	syscall.go   entry after SYSCALL       step.go     the handler's first instruction
//	interrupt.go interrupts that KVM holds while registers are rewritten
//	probe.go     what this host needs      params.go   what its guest should be told
//
// The truth is the Intel SDM, volumes 2 and 3, the AMD APM, volumes 2 and 3, and the kernel's
// Documentation/virt/kvm/api.rst. Read first: internal.go, then table.go.
package assist
