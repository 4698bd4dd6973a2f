package exercise

// This file is given. The grader uses its own copy.

import (
	"crypto/sha256"
	"encoding/binary"
)

// Part is a part of a vCPU's state, named for the ioctl that reads and writes it.
type Part string

const (
	Regs   Part = "REGS"        // general registers, RIP, RFLAGS
	Sregs  Part = "SREGS"       // segments, control registers, and where the local APIC is
	LAPIC  Part = "LAPIC"       // the local APIC's registers: its timer and its mode, what is pending
	MSRs   Part = "MSRS"        // model-specific registers, the timer's deadline among them
	Events Part = "VCPU_EVENTS" // an exception or interrupt that is about to be delivered
)

// CPU is a vCPU that does not run. A part that is set must be what Get gave, of this vCPU or of another.
type CPU interface {
	Get(p Part) ([]byte, error)
	Set(p Part, state []byte) error
}

// State is a vCPU in a snapshot.
type State map[Part][]byte

// PageSize is that of memory.
const PageSize = 4096

// Page is a page of memory in a snapshot.
type Page struct {
	Number uint64 // its address is Number * PageSize
	Data   []byte
}

// Random is a device that gives a guest random bytes: a hash of a secret and a number that counts. All of it is in a snapshot.
type Random struct {
	Secret [32]byte
	Count  uint64
}

// Next gives the next bytes.
func (r *Random) Next() [32]byte {
	r.Count++
	return sha256.Sum256(binary.LittleEndian.AppendUint64(r.Secret[:], r.Count))
}
