package exercise

import (
	"encoding/binary"
	"fmt"
)

// Bits of an entry (Intel SDM volume 3, tables 4-15 to 4-20).
const (
	ptePresent  = 1 << 0
	pteWritable = 1 << 1
	pteLarge    = 1 << 7
	pteNoExec   = 1 << 63
	pteAddress  = 0x000ffffffffff000
	// pteReserved are bits that must be 0 on any processor: above the widest physical address. The lower ones of a large page's
	// address are looked at by themselves.
	pteReserved = 0x000f000000000000
)

// tableNames are the tables of a walk, the first one first.
var tableNames = [...]string{"PML4", "page-directory-pointer table", "page directory", "page table"}

// walk translates a virtual address as a processor does in 64-bit mode, and tells why it cannot: read wants a table's entry from memory.
func walk(read func(at int64, n int) ([]byte, error), cr3, virt uint64) (phys uint64, why string) {
	if cr3&(0xfff&^0x18) != 0 { // bits 3 and 4 are about caches
		return 0, fmt.Sprintf("the first table is not aligned: CR3 is %s, and a table begins at a multiple of 4096; the processor ignores the lower bits", hex(cr3))
	}
	table := cr3 & pteAddress
	for level, shift := 0, uint(39); ; level, shift = level+1, shift-9 {
		index := virt >> shift & 511
		name := fmt.Sprintf("entry %d of the %s at %s", index, tableNames[level], hex(table))
		b, err := read(int64(table+index*8), 8)
		if err != nil {
			return 0, name + " is outside of memory"
		}
		e := binary.LittleEndian.Uint64(b)
		mask := uint64(1)<<shift - 1
		switch {
		case e&ptePresent == 0:
			return 0, name + " is not present"
		case e&pteWritable == 0:
			return 0, name + " does not allow writing (bit 1): each table on the way must"
		case e&pteNoExec != 0:
			return 0, name + " forbids executing (bit 63)"
		case e&pteReserved != 0:
			return 0, name + " has reserved bits: " + hex(e)
		case level == 3, level > 0 && e&pteLarge != 0:
			if at := e & pteAddress &^ (1 << 12); level < 3 && at&mask != 0 {
				return 0, name + fmt.Sprintf(" maps a large page at %s, which is no multiple of its size", hex(at))
			}
			return e&pteAddress&^mask | virt&mask, ""
		case level == 0 && e&pteLarge != 0:
			return 0, name + " has bit 7 set, which is reserved there"
		}
		table = e & pteAddress
	}
}
