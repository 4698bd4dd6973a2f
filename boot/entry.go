package boot

import (
	"encoding/binary"

	"terem/kvm"
	"terem/memory"
)

// Mode is the processor mode in which a kernel is entered.
type Mode int

const (
	Long      Mode = iota // 64-bit: boot.rst, "64-bit boot protocol"
	Protected             // 32-bit without paging: Xen's pvh.pandoc
)

// Entry is the start state of the first vCPU. The others wait for INIT and SIPI.
type Entry struct {
	Mode Mode
	IP   memory.Addr // first instruction
	Arg  memory.Addr // zero page (RSI) or PVH start info (EBX)
}

// Bits of control registers and EFER (Intel SDM vol. 3, sections 2.2.1 and 2.5).
const (
	cr0PE   = 1 << 0
	cr0MP   = 1 << 1
	cr0ET   = 1 << 4
	cr0NE   = 1 << 5
	cr0WP   = 1 << 16
	cr0AM   = 1 << 18
	cr0PG   = 1 << 31
	cr4PAE  = 1 << 5
	eferLME = 1 << 8
	eferLMA = 1 << 10

	rflagsFixed = 1 << 1 // always set; interrupts stay off
)

// Selectors: the boot protocol fixes the first two.
const (
	selCode = 0x10
	selData = 0x18
	selTask = 0x20
	gdtLen  = 5 * 8
)

// Segment types (Intel SDM vol. 3, sections 3.4.5.1 and 3.5).
const (
	typeCode = 0xb // execute, read, accessed
	typeData = 0x3 // read, write, accessed
	typeTask = 0xb // busy task state segment
)

const (
	flatLimit = 0xffff_ffff
	taskLimit = 0x67
)

// Apply sets the registers for the start and leaves those that have no part in it as they are.
func (e Entry) Apply(r *kvm.Regs, s *kvm.Sregs) {
	*r = kvm.Regs{RIP: uint64(e.IP), RFLAGS: rflagsFixed}
	code, data, task := e.segments()
	s.CS = code
	s.DS, s.ES, s.FS, s.GS, s.SS = data, data, data, data, data
	s.TR = task
	s.GDT = kvm.Descriptor{Base: uint64(memory.GDT), Limit: gdtLen - 1}
	s.IDT = kvm.Descriptor{}
	if e.Mode == Protected {
		r.RBX = uint64(e.Arg)
		s.CR0, s.CR3, s.CR4, s.EFER = cr0PE|cr0ET|cr0NE, 0, 0, 0
		return
	}
	r.RSI = uint64(e.Arg)
	s.CR0 = cr0PE | cr0MP | cr0ET | cr0NE | cr0WP | cr0AM | cr0PG
	s.CR3 = uint64(memory.PageTables)
	s.CR4 = cr4PAE
	s.EFER = eferLME | eferLMA
}

// segments are the code, data and task segments for the entry's mode.
func (e Entry) segments() (code, data, task kvm.Segment) {
	code = kvm.Segment{Selector: selCode, Limit: flatLimit, Typ: typeCode, Present: 1, S: 1, G: 1}
	if e.Mode == Long {
		code.L = 1
	} else {
		code.DB = 1
	}
	data = kvm.Segment{Selector: selData, Limit: flatLimit, Typ: typeData, Present: 1, S: 1, G: 1, DB: 1}
	task = kvm.Segment{Selector: selTask, Limit: taskLimit, Typ: typeTask, Present: 1}
	return code, data, task
}

// descriptor packs a segment with base zero for the GDT (Intel SDM vol. 3, figure 3-8):
//
//	63..56 base  55 G  54 D/B  53 L  52 AVL  51..48 limit  47 P  46..45 DPL  44 S  43..40 type
//	39..16 base  15..0 limit
func descriptor(s kvm.Segment) uint64 {
	limit := uint64(s.Limit)
	if s.G == 1 {
		limit >>= 12
	}
	return limit&0xffff | limit>>16&0xf<<48 |
		uint64(s.Typ)<<40 | uint64(s.S)<<44 | uint64(s.DPL)<<45 | uint64(s.Present)<<47 |
		uint64(s.L)<<53 | uint64(s.DB)<<54 | uint64(s.G)<<55
}

// writeGDT puts the descriptors of the entry's segments where Apply points the GDTR.
func (e Entry) writeGDT(m *memory.Guest) error {
	b, err := m.Slice(memory.GDT, gdtLen)
	if err != nil {
		return err
	}
	code, data, task := e.segments()
	le := binary.LittleEndian
	le.PutUint64(b[selCode:], descriptor(code))
	le.PutUint64(b[selData:], descriptor(data))
	le.PutUint64(b[selTask:], descriptor(task))
	return nil
}

// Bits of a page table entry (Intel SDM vol. 3, section 4.5).
const (
	ptePresent  = 1 << 0
	pteWrite    = 1 << 1
	ptePageSize = 1 << 7
)

// writePageTables maps the first 4 GiB one to one with 2 MiB pages: the kernel, the zero page, the
// command line and the initrd all lie there.
func writePageTables(m *memory.Guest) error {
	const (
		entries = memory.PageSize / 8
		tables  = 4 // page directories, 1 GiB each
	)
	b, err := m.Slice(memory.PageTables, memory.PageTablesSize)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	base := uint64(memory.PageTables)
	le.PutUint64(b, base+memory.PageSize|ptePresent|pteWrite)
	for i := range uint64(tables) {
		le.PutUint64(b[memory.PageSize+i*8:], base+(2+i)*memory.PageSize|ptePresent|pteWrite)
	}
	for i := range uint64(tables * entries) {
		le.PutUint64(b[2*memory.PageSize+i*8:], i<<21|ptePresent|pteWrite|ptePageSize)
	}
	return nil
}
