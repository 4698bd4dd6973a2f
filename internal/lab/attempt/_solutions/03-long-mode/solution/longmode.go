// Package exercise brings a virtual CPU into 64-bit mode, without a boot loader and without a kernel.
package exercise

import (
	"encoding/binary"

	"exercise/kvm"
)

const (
	page     = 4096
	hugePage = 2 << 20

	present  = 1 << 0
	writable = 1 << 1
	large    = 1 << 7 // in a page directory: the entry maps 2 MiB
	address  = 0x000ffffffffff000
)

// PageTables writes page tables into ram, which is guest-physical memory from address 0 on, at address at or a little above. They map size bytes
// from the virtual address virt on to the physical address phys, for reading, writing and executing by the kernel. Virt, phys and size are
// multiples of 2 MiB; at is any number, and 64 KiB from there on are free. It returns what belongs into CR3.
func PageTables(ram []byte, at, virt, phys, size uint64) (cr3 uint64) {
	next := (at + page - 1) &^ (page - 1)
	take := func() uint64 {
		table := next
		next += page
		clear(ram[table:next])
		return table
	}
	cr3 = take()
	for done := uint64(0); done < size; done += hugePage {
		v, table := virt+done, cr3
		for _, shift := range []uint{39, 30} {
			entry := ram[table+(v>>shift&511)*8:][:8]
			e := binary.LittleEndian.Uint64(entry)
			if e&present == 0 {
				e = take() | present | writable
				binary.LittleEndian.PutUint64(entry, e)
			}
			table = e & address
		}
		binary.LittleEndian.PutUint64(ram[table+(v>>21&511)*8:], (phys+done)|present|writable|large)
	}
	return cr3
}

// LongMode gives the segment and control registers of a CPU that executes 64-bit code, with page tables at cr3. s are those that KVM has after
// a reset.
func LongMode(s kvm.Sregs, cr3 uint64) kvm.Sregs {
	const (
		pe, pg   = 1 << 0, 1 << 31
		pae      = 1 << 5
		lme, lma = 1 << 8, 1 << 10
	)
	s.CR0 |= pe | pg
	s.CR3 = cr3
	s.CR4 |= pae
	s.EFER |= lme | lma
	s.CS = kvm.Segment{Selector: 0x8, Limit: 0xffffffff, Type: 11, S: 1, Present: 1, L: 1, G: 1}
	data := kvm.Segment{Selector: 0x10, Limit: 0xffffffff, Type: 3, S: 1, Present: 1, DB: 1, G: 1}
	s.DS, s.ES, s.FS, s.GS, s.SS = data, data, data, data, data
	return s
}
