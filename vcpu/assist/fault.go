package assist

import (
	"fmt"

	"terem/kvm"
)

// Exception vectors (SDM vol. 3, table 6-1).
const (
	vectorDB = 1
	vectorBP = 3
	vectorOF = 4
	vectorUD = 6
	vectorNM = 7
	vectorNP = 11
	vectorGP = 13
	vectorPF = 14
)

// fault is an exception that the guest must take. As an error it ends an instruction before
// anything is changed.
type fault struct {
	vector  uint8
	hasCode bool
	code    uint32
	cr2     uint64 // for #PF
}

func (f *fault) Error() string { return fmt.Sprintf("exception %d, error code %#x", f.vector, f.code) }

func undefined() error  { return &fault{vector: vectorUD} }
func noDevice() error   { return &fault{vector: vectorNM} }
func protection() error { return &fault{vector: vectorGP, hasCode: true} }

// raise queues f, so that KVM delivers it at the next entry. The caller has written the general
// registers just before: KVM drops the #UD with which it left only when they are written
// (arch/x86/kvm/x86.c, __set_regs).
func (u *Unit) raise(c cpu, s *kvm.Sregs, f *fault) error {
	if f.vector == vectorPF {
		if _, err := u.settle(c, s); err != nil {
			return err
		}
		s.CR2 = f.cr2
		if err := c.SetSregs(*s); err != nil {
			return err
		}
	}
	e, err := c.Events()
	if err != nil {
		return err
	}
	e.E = kvm.VCPUEvents{}.E
	e.E.Inject, e.E.Nr = 1, f.vector
	if f.hasCode {
		e.E.HadErrorCode, e.E.ErrorCode = 1, f.code
	}
	return c.SetEvents(e)
}
