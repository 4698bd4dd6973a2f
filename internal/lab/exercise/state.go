package exercise

// Registers as the harnesses send them: the fields of struct kvm_regs and struct kvm_sregs under the names that the given files have.

type regs struct {
	RAX, RBX, RCX, RDX, RSI, RDI, RSP, RBP uint64
	R8, R9, R10, R11, R12, R13, R14, R15   uint64
	RIP, RFLAGS                            uint64
}

type segment struct {
	Base                           uint64
	Limit                          uint32
	Selector                       uint16
	Type                           uint8
	Present, DPL, DB, S, L, G, AVL uint8
	Unusable                       uint8
}

type table struct {
	Base  uint64
	Limit uint16
}

type sregs struct {
	CS, DS, ES, FS, GS, SS  segment
	TR, LDT                 segment
	GDT, IDT                table
	CR0, CR2, CR3, CR4, CR8 uint64
	EFER, APICBase          uint64
	InterruptBitmap         [4]uint64
}

// afterReset are the segment and control registers of a vCPU that was just made (Intel SDM volume 3, table 10-1).
func afterReset() sregs {
	data := segment{Limit: 0xffff, Type: 3, Present: 1, S: 1}
	code := segment{Base: 0xffff0000, Limit: 0xffff, Selector: 0xf000, Type: 11, Present: 1, S: 1}
	return sregs{
		CS: code, DS: data, ES: data, FS: data, GS: data, SS: data,
		TR:  segment{Limit: 0xffff, Type: 11, Present: 1},
		LDT: segment{Limit: 0xffff, Type: 2, Present: 1},
		GDT: table{Limit: 0xffff}, IDT: table{Limit: 0xffff},
		CR0: 0x60000010, APICBase: 0xfee00900,
	}
}

// Bits of the registers.
const (
	cr0PE   = 1 << 0
	cr0PG   = 1 << 31
	cr4PAE  = 1 << 5
	eferLME = 1 << 8
	eferLMA = 1 << 10

	rflagsFixed = 1 << 1
)

// Reasons for an exit (kvm.h, KVM_EXIT_*).
const (
	exitIO       = 2
	exitHLT      = 5
	exitMMIO     = 6
	exitShutdown = 8
)
