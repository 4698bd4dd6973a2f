// Package exercise starts a virtual machine that has nothing but a processor in real mode and 64 KiB of memory.
package exercise

import (
	"fmt"
	"syscall"
	"unsafe"
)

// APIVersion asks KVM for the version of its interface. kvm is a descriptor of what should be /dev/kvm: if it is something
// else, that is an error.
func APIVersion(kvm int) (int, error) {
	return ioctl(kvm, KVM_GET_API_VERSION, 0)
}

// New makes a VM whose guest-physical memory from address 0 on is ram, and one vCPU in it.
func New(kvm int, ram []byte) (*Machine, error) {
	m := &Machine{VM: -1, VCPU: -1}
	if err := m.make(kvm, ram); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

func (m *Machine) make(kvm int, ram []byte) (err error) {
	if m.VM, err = ioctl(kvm, KVM_CREATE_VM, 0); err != nil {
		return fmt.Errorf("KVM_CREATE_VM: %w", err)
	}
	const free = 0xfffbd000 // Intel's processors without "unrestricted guest" need three pages for real mode
	if _, err = ioctl(m.VM, KVM_SET_TSS_ADDR, free); err != nil {
		return fmt.Errorf("KVM_SET_TSS_ADDR: %w", err)
	}
	region := MemoryRegion{MemorySize: uint64(len(ram)), UserspaceAddr: address(ram)}
	if err = ioctlPointer(m.VM, KVM_SET_USER_MEMORY_REGION, unsafe.Pointer(&region)); err != nil {
		return fmt.Errorf("KVM_SET_USER_MEMORY_REGION: %w", err)
	}
	if m.VCPU, err = ioctl(m.VM, KVM_CREATE_VCPU, 0); err != nil {
		return fmt.Errorf("KVM_CREATE_VCPU: %w", err)
	}
	size, err := ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0)
	if err != nil {
		return fmt.Errorf("KVM_GET_VCPU_MMAP_SIZE: %w", err)
	}
	m.Page, err = syscall.Mmap(m.VCPU, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	return err
}

// StartState gives the registers with which the guest begins to execute at linear address entry, in real mode. s are the segment and
// control registers as KVM has them after a reset.
func StartState(s Sregs, entry uint16) (Regs, Sregs) {
	s.CS.Base, s.CS.Selector = 0, 0
	return Regs{RIP: uint64(entry), RFLAGS: 2}, s
}

// Run executes the guest from entry on, until it executes HLT. Another exit is an error that names its number.
func (m *Machine) Run(entry uint16) error {
	var s Sregs
	if err := ioctlPointer(m.VCPU, KVM_GET_SREGS, unsafe.Pointer(&s)); err != nil {
		return fmt.Errorf("KVM_GET_SREGS: %w", err)
	}
	r, s := StartState(s, entry)
	if err := ioctlPointer(m.VCPU, KVM_SET_SREGS, unsafe.Pointer(&s)); err != nil {
		return fmt.Errorf("KVM_SET_SREGS: %w", err)
	}
	if err := ioctlPointer(m.VCPU, KVM_SET_REGS, unsafe.Pointer(&r)); err != nil {
		return fmt.Errorf("KVM_SET_REGS: %w", err)
	}
	if _, err := ioctl(m.VCPU, KVM_RUN, 0); err != nil {
		return fmt.Errorf("KVM_RUN: %w", err)
	}
	if reason := m.ExitReason(); reason != KVM_EXIT_HLT {
		return fmt.Errorf("exit %d", reason)
	}
	return nil
}
