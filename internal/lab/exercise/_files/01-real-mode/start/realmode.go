// Package exercise starts a virtual machine that has nothing but a processor in real mode and 64 KiB of memory.
package exercise

import "errors"

var errNotYet = errors.New("not written yet")

// APIVersion asks KVM for the version of its interface. kvm is a descriptor of what should be /dev/kvm: if it is something
// else, that is an error.
func APIVersion(kvm int) (int, error) {
	return 0, errNotYet
}

// New makes a VM whose guest-physical memory from address 0 on is ram, and one vCPU in it.
func New(kvm int, ram []byte) (*Machine, error) {
	return nil, errNotYet
}

// StartState gives the registers with which the guest begins to execute at linear address entry, in real mode. s are the segment and
// control registers as KVM has them after a reset.
func StartState(s Sregs, entry uint16) (Regs, Sregs) {
	return Regs{}, s
}

// Run executes the guest from entry on, until it executes HLT. Another exit is an error that names its number.
func (m *Machine) Run(entry uint16) error {
	return errNotYet
}
