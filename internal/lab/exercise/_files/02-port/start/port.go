// Package exercise gives a virtual machine its first device: a port that prints.
package exercise

import (
	"errors"
	"io"

	"exercise/kvm"
)

// Port is the device's. A byte that the guest writes to it is printed; who reads a byte from it gets the port's own number, so that a guest
// can tell that the device is there.
const Port = 0xe9

var errNotYet = errors.New("not written yet")

// HandleIO answers the port access for which KVM_RUN came back. Page is what the vCPU shares with KVM: struct kvm_run at its beginning, and
// the bytes of the access somewhere behind.
//
// What is printed goes to out. Accesses of 2 or 4 bytes to Port, and all to other ports, are nobody's: reads are all ones, writes vanish.
func HandleIO(page []byte, out io.Writer) error {
	return errNotYet
}

// Run runs a vCPU until the guest executes HLT, and answers its port accesses. Another exit is an error that names its number.
func Run(cpu *kvm.VCPU, out io.Writer) error {
	return errNotYet
}
