// Package exercise gives a virtual machine its first device: a port that prints.
package exercise

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"exercise/kvm"
)

// Port is the device's. A byte that the guest writes to it is printed; who reads a byte from it gets the port's own number, so that a guest
// can tell that the device is there.
const Port = 0xe9

// HandleIO answers the port access for which KVM_RUN came back. Page is what the vCPU shares with KVM: struct kvm_run at its beginning, and
// the bytes of the access somewhere behind.
//
// What is printed goes to out. Accesses of 2 or 4 bytes to Port, and all to other ports, are nobody's: reads are all ones, writes vanish.
func HandleIO(page []byte, out io.Writer) error {
	isOut, size := page[32] == 1, int(page[33])
	port := binary.LittleEndian.Uint16(page[34:])
	count := int(binary.LittleEndian.Uint32(page[36:]))
	offset := binary.LittleEndian.Uint64(page[40:])
	data := page[offset:][:size*count]
	ours := port == Port && size == 1
	switch {
	case isOut && ours:
		_, err := out.Write(data)
		return err
	case isOut:
		return nil
	}
	answer := byte(0xff)
	if ours {
		answer = Port
	}
	for i := range data {
		data[i] = answer
	}
	return nil
}

// Run runs a vCPU until the guest executes HLT, and answers its port accesses. Another exit is an error that names its number.
func Run(cpu *kvm.VCPU, out io.Writer) error {
	for {
		reason, err := cpu.Run()
		switch {
		case errors.Is(err, kvm.ErrInterrupted):
			continue
		case err != nil:
			return err
		}
		switch reason {
		case kvm.ExitHLT:
			return nil
		case kvm.ExitIO:
			if err := HandleIO(cpu.Page, out); err != nil {
				return err
			}
		default:
			return fmt.Errorf("exit %d", reason)
		}
	}
}
