// Package exercise brings a virtual CPU into 64-bit mode, without a boot loader and without a kernel.
package exercise

import "exercise/kvm"

// PageTables writes page tables into ram, which is guest-physical memory from address 0 on, at address at or a little above. They map size bytes
// from the virtual address virt on to the physical address phys, for reading, writing and executing by the kernel. Virt, phys and size are
// multiples of 2 MiB; at is any number, and 64 KiB from there on are free. It returns what belongs into CR3.
func PageTables(ram []byte, at, virt, phys, size uint64) (cr3 uint64) {
	return 0
}

// LongMode gives the segment and control registers of a CPU that executes 64-bit code, with page tables at cr3. s are those that KVM has after
// a reset.
func LongMode(s kvm.Sregs, cr3 uint64) kvm.Sregs {
	return s
}
