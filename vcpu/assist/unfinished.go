package assist

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/arch/x86/x86asm"

	"terem/kvm"
)

// Reasons within an Unfinished.
var (
	errUnknown = errors.New("terem does not know the instruction")
	errNotRAM  = errors.New("it reaches memory that is not guest RAM")
	errMode    = errors.New("the vCPU is not in 64-bit mode")
	errFetch   = errors.New("its bytes cannot be read")
	errTooBig  = errors.New("its register state does not fit into 4096 bytes")
)

// Unfinished is an instruction that neither KVM nor this package can carry out.
type Unfinished struct {
	RIP      uint64
	CPL      uint8
	Bytes    []byte // from RIP on, as many as could be read, 15 at most
	Text     string // the disassembly; empty if the disassembler does not know it either
	Suberror uint32 // KVM's: 1 is emulation (api.rst, KVM_EXIT_INTERNAL_ERROR)
	Err      error  // why it was not finished
}

func (e *Unfinished) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "guest instruction at %#x, CPL %d", e.RIP, e.CPL)
	if e.Text != "" {
		fmt.Fprintf(&b, ", %q", e.Text)
	}
	fmt.Fprintf(&b, ", bytes % x: KVM cannot finish it (internal error %d)", e.Bytes, e.Suberror)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns the reason.
func (e *Unfinished) Unwrap() error { return e.Err }

func unfinished(regs *kvm.Regs, sregs *kvm.Sregs, code []byte, suberror uint32, why error) *Unfinished {
	return &Unfinished{
		RIP:      regs.RIP,
		CPL:      cpl(sregs),
		Bytes:    append([]byte(nil), code...),
		Text:     disassemble(code, regs.RIP),
		Suberror: suberror,
		Err:      why,
	}
}

func disassemble(code []byte, rip uint64) string {
	in, err := x86asm.Decode(code, 64)
	if err != nil {
		return ""
	}
	return x86asm.GNUSyntax(in, rip, nil)
}
