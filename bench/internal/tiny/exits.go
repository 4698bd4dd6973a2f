package tiny

import "encoding/binary"

// Exits is an ELF file that writes Begin, writes n times to port 0x80, writes End,
// and resets the machine. It does so in long mode, where Linux spends its time, and
// where a VMM has made all its preparations.
func Exits(n uint32) []byte { return image(append(enterLongMode(), loopCode(n)...), tables()) }

// Where image puts tables: page tables that map the first 2 MiB, a GDT, and what
// LGDT reads.
const (
	pml4    = loadAddr + pageSize
	pdpt    = pml4 + pageSize
	pd      = pdpt + pageSize
	gdt     = pd + pageSize
	gdtr    = gdt + gdtSize
	gdtSize = 2 * 8
)

// tables has the pages from pml4 on (Intel SDM vol. 3A, "4-Level Paging").
func tables() []byte {
	const (
		link     = 0x03         // present, writable
		page2MiB = 0x83         // and a page of its own
		code64   = 0x209b << 40 // 64-bit code, present, accessed
	)
	b := make([]byte, gdtr+6-pml4)
	binary.LittleEndian.PutUint64(b, pdpt|link)
	binary.LittleEndian.PutUint64(b[pdpt-pml4:], pd|link)
	binary.LittleEndian.PutUint64(b[pd-pml4:], page2MiB)
	binary.LittleEndian.PutUint64(b[gdt+8-pml4:], code64)
	binary.LittleEndian.PutUint16(b[gdtr-pml4:], gdtSize-1)
	binary.LittleEndian.PutUint32(b[gdtr+2-pml4:], gdt)
	return b
}

// enterLongMode goes from PVH's 32-bit mode to 64-bit mode (Intel SDM vol. 3A,
// "Initializing IA-32e Mode"): PAE, page tables, EFER.LME, paging, a 64-bit segment.
func enterLongMode() []byte {
	code := []byte{
		0x0f, 0x20, 0xe0, //                   mov eax, cr4
		0x0c, 0x20, //                         or al, 0x20           PAE
		0x0f, 0x22, 0xe0, //                   mov cr4, eax
		0xb8, 0x00, 0x10, 0x10, 0x00, //       mov eax, pml4
		0x0f, 0x22, 0xd8, //                   mov cr3, eax
		0xb9, 0x80, 0x00, 0x00, 0xc0, //       mov ecx, 0xc0000080   EFER
		0x31, 0xd2, //                         xor edx, edx
		0xb8, 0x00, 0x01, 0x00, 0x00, //       mov eax, 0x100        LME
		0x0f, 0x30, //                         wrmsr
		0xb8, 0x11, 0x00, 0x00, 0x80, //       mov eax, 0x80000011   PG, ET, PE
		0x0f, 0x22, 0xc0, //                   mov cr0, eax
		0x0f, 0x01, 0x15, 0x10, 0x40, 0x10, 0, // lgdt [gdtr]
		0xea, // jmp 0x8:next
	}
	const far = 4 + 2 // offset and selector
	code = binary.LittleEndian.AppendUint32(code, uint32(codeAddr+len(code)+far))
	return binary.LittleEndian.AppendUint16(code, 0x08)
}

// loopCode is 64-bit code.
func loopCode(n uint32) []byte {
	code := append(mark(Begin), 0xb9) //   mov ecx, n
	code = binary.LittleEndian.AppendUint32(code, n)
	code = append(code,
		0xe6, 0x80, // 1: out 0x80, al
		0xe2, 0xfc, //    loop 1b
	)
	return append(append(code, mark(End)...), reset()...)
}
