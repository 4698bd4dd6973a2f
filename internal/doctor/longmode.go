package doctor

import (
	"encoding/binary"

	"terem/kvm"
)

// Guest-physical addresses of the measured guest. One level of the page tables
// follows the other, and the last maps 2 MiB in one piece.
const (
	codeAddr = 0x1000
	pml4Addr = 0x2000
	pdptAddr = 0x3000
	pdAddr   = 0x4000
	ramSize  = 0x5000
)

// Bits of page table entries (Intel SDM vol. 3, section 5.5.4).
const (
	pagePresent  = 1 << 0
	pageWritable = 1 << 1
	pageLarge    = 1 << 7
)

// Bits of the control registers (Intel SDM vol. 3, section 2.5) and of EFER
// (section 2.2.1).
const (
	cr0ProtectedMode = 1 << 0
	cr0ExtensionType = 1 << 4
	cr0Paging        = 1 << 31
	cr4PAE           = 1 << 5
	eferLongEnable   = 1 << 8
	eferLongActive   = 1 << 10
	rflagsReserved   = 1 << 1
)

// writePageTables maps the first 2 MiB of linear addresses to themselves.
func writePageTables(ram []byte) {
	const table = pagePresent | pageWritable
	binary.LittleEndian.PutUint64(ram[pml4Addr:], pdptAddr|table)
	binary.LittleEndian.PutUint64(ram[pdptAddr:], pdAddr|table)
	binary.LittleEndian.PutUint64(ram[pdAddr:], table|pageLarge)
}

// startLong sets a fresh vCPU to codeAddr in 64-bit mode.
func startLong(s *kvm.System, cpu *kvm.VCPU) error {
	leaves, err := s.SupportedCPUID()
	if err != nil {
		return err
	}
	if err := cpu.SetCPUID(leaves); err != nil {
		return err
	}
	sregs, err := cpu.Sregs()
	if err != nil {
		return err
	}
	sregs.CR0 = cr0ProtectedMode | cr0ExtensionType | cr0Paging
	sregs.CR3 = pml4Addr
	sregs.CR4 = cr4PAE
	sregs.EFER = eferLongEnable | eferLongActive
	sregs.CS = kvm.Segment{Selector: 0x08, Limit: 0xffff_ffff, Typ: 0xb, Present: 1, S: 1, L: 1, G: 1}
	data := kvm.Segment{Selector: 0x10, Limit: 0xffff_ffff, Typ: 0x3, Present: 1, S: 1, DB: 1, G: 1}
	sregs.DS, sregs.ES, sregs.FS, sregs.GS, sregs.SS = data, data, data, data, data
	if err := cpu.SetSregs(sregs); err != nil {
		return err
	}
	return cpu.SetRegs(kvm.Regs{RIP: codeAddr, RFLAGS: rflagsReserved})
}
