// Package exercise gives a virtual machine a second region of memory, and a device whose registers are in memory.
package exercise

import (
	"errors"

	"exercise/kvm"
)

// Region is memory that a guest has: Host[i] is the byte at guest-physical address Addr+i.
type Region struct {
	Addr uint64
	Host []byte
}

// Mapper is what AddMemory needs of a *kvm.VM.
type Mapper interface {
	Map(slot uint32, gpa uint64, host []byte) error
}

// Device is a set of registers. Off counts from its first one, and all of p is within.
type Device interface {
	Read(off uint64, p []byte)
	Write(off uint64, p []byte)
}

// Place is where a device's registers are: Size bytes from guest-physical address Base on.
type Place struct{ Base, Size uint64 }

var errNotYet = errors.New("not written yet")

// AddMemory gives a VM, which has no memory yet, all of the regions. They may be in any order.
func AddMemory(vm Mapper, regions []Region) error {
	return errNotYet
}

// HandleMMIO answers an access to guest-physical memory that no slot has. Page begins with struct kvm_run. The one device is d, at place at. An
// access that is not within it as a whole is nobody's: a read is all ones, a write vanishes.
func HandleMMIO(page []byte, at Place, d Device) error {
	return errNotYet
}

// Run runs a vCPU until the guest executes HLT, and answers its accesses to memory that it does not have. Another exit is an error that names its
// number.
func Run(cpu *kvm.VCPU, at Place, d Device) error {
	return errNotYet
}
