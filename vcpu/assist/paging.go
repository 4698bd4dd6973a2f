package assist

import (
	"encoding/binary"

	"terem/memory"
)

// access says what an address is translated for, in the bits of a page-fault error code.
type access uint32

// Error code of #PF (SDM vol. 3, section 4.7).
//
//	0 P    the translation exists: rights or reserved bits are the reason
//	1 W/R  a write
//	2 U/S  made at CPL 3
//	3 RSVD a reserved bit is set in a table
//	4 I/D  an instruction fetch
const (
	accessRead  access = 0
	accessWrite access = 1 << 1
	accessFetch access = 1 << 4

	codePresent  = 1 << 0
	codeUser     = 1 << 2
	codeReserved = 1 << 3
)

// Entry of a paging structure (SDM vol. 3, table 4-15 to 4-20).
//
//	0 P  1 R/W  2 U/S  5 A  6 D  7 PS  12-51 address  63 XD
const (
	pteP       = 1 << 0
	pteRW      = 1 << 1
	pteUS      = 1 << 2
	pteA       = 1 << 5
	pteD       = 1 << 6
	ptePS      = 1 << 7
	pteXD      = 1 << 63
	pteAddress = 0x000f_ffff_ffff_f000
)

// Control bits that shape paging.
const (
	cr0EM     = 1 << 2
	cr0TS     = 1 << 3
	cr0WP     = 1 << 16
	cr0PG     = 1 << 31
	cr4PGE    = 1 << 7
	cr4LA57   = 1 << 12
	cr4FSGS   = 1 << 16
	cr4XSave  = 1 << 18
	cr4SMEP   = 1 << 20
	cr4SMAP   = 1 << 21
	eferSCE   = 1 << 0
	eferLME   = 1 << 8
	eferLMA   = 1 << 10
	eferNXE   = 1 << 11
	flagAC    = 1 << 18
	pageShift = 12
	indexBits = 9
)

// pager walks the guest's 4- or 5-level page tables, as of one exit. KVM_TRANSLATE would find the
// address, but not the rights, and a write must not go through a read-only page: the guest's
// copy-on-write depends on the fault.
type pager struct {
	m                   *memory.Guest
	cr0, cr3, cr4, efer uint64
	user, ac            bool
}

// translate gives the physical address of one byte, or the *fault that its use would raise.
func (p *pager) translate(linear uint64, a access) (memory.Addr, error) {
	if !p.canonical(linear) {
		return 0, protection()
	}
	level := 3
	if p.cr4&cr4LA57 != 0 {
		level = 4
	}
	rights := uint64(pteRW | pteUS)
	for table := p.cr3 & pteAddress; ; level-- {
		shift := pageShift + indexBits*level
		at := memory.Addr(table + linear>>shift&(1<<indexBits-1)*8)
		entry, err := p.entry(at)
		if err != nil {
			return 0, err
		}
		if entry&pteP == 0 {
			return 0, p.fault(linear, a, 0)
		}
		if entry&ptePS != 0 && level > 2 {
			return 0, p.fault(linear, a, codePresent|codeReserved)
		}
		rights = rights&(entry|pteXD) | entry&pteXD
		leaf := level == 0 || entry&ptePS != 0
		if leaf && !p.allows(rights, a) {
			return 0, p.fault(linear, a, codePresent)
		}
		if err := p.mark(at, entry, leaf && a == accessWrite); err != nil {
			return 0, err
		}
		if leaf {
			in := uint64(1)<<shift - 1
			return memory.Addr(entry&pteAddress&^in | linear&in), nil
		}
		table = entry & pteAddress
	}
}

func (p *pager) entry(at memory.Addr) (uint64, error) {
	b, err := p.m.Slice(at, 8)
	if err != nil {
		return 0, errNotRAM
	}
	return binary.LittleEndian.Uint64(b), nil
}

// mark sets the accessed bit, and the dirty bit of a leaf that is written (section 4.8).
func (p *pager) mark(at memory.Addr, entry uint64, written bool) error {
	set := uint64(pteA)
	if written {
		set |= pteD
	}
	if entry&set == set {
		return nil
	}
	b, err := p.m.Slice(at, 8)
	if err != nil {
		return errNotRAM
	}
	or64((*[8]byte)(b), set)
	return nil
}

// allows applies the rights that all levels agree on (section 4.6.1).
func (p *pager) allows(rights uint64, a access) bool {
	userPage := rights&pteUS != 0
	switch {
	case p.user && !userPage:
		return false
	case a == accessFetch:
		xd := rights&pteXD != 0 && p.efer&eferNXE != 0
		smep := !p.user && userPage && p.cr4&cr4SMEP != 0
		return !xd && !smep
	case !p.user && userPage && p.cr4&cr4SMAP != 0 && !p.ac:
		return false
	case a == accessWrite && rights&pteRW == 0:
		return !p.user && p.cr0&cr0WP == 0
	}
	return true
}

func (p *pager) fault(linear uint64, a access, code uint32) error {
	code |= uint32(a)
	if a == accessFetch && p.efer&eferNXE == 0 && p.cr4&cr4SMEP == 0 {
		code &^= uint32(accessFetch)
	}
	if p.user {
		code |= codeUser
	}
	return &fault{vector: vectorPF, hasCode: true, code: code, cr2: linear}
}

func (p *pager) canonical(linear uint64) bool {
	unused := 16
	if p.cr4&cr4LA57 != 0 {
		unused = 7
	}
	return uint64(int64(linear<<unused)>>unused) == linear
}
