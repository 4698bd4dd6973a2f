// Package exercise puts a Linux kernel into a machine's memory, as its boot protocol wants it.
package exercise

import "errors"

// Where things go in guest-physical memory.
const (
	ZeroPage    = 0x7000   // struct boot_params, 4096 bytes
	CommandLine = 0x20000  // ends with a zero byte
	Kernel      = 0x100000 // the protected-mode part of a bzImage
	VGA         = 0xa0000  // from here to Kernel a PC has video memory and its firmware, and no RAM
	PCI         = 3 << 30  // from here to High a PC has its devices
	High        = 4 << 30  // RAM that does not fit below PCI goes on here
)

// Entry is a range of memory in the map that a kernel is given.
type Entry struct {
	Addr, Size uint64
	Type       uint32 // RAM, or anything else for what is none
}

// RAM is the type of an Entry that a kernel may use.
const RAM = 1

var errNotYet = errors.New("not written yet")

// E820 is the map of a machine with so many bytes of memory, a multiple of 1 MiB and 16 of them at least, in ascending order. Memory begins at
// address 0; what would lie between VGA and Kernel is not used, and what would lie behind PCI lies behind High.
func E820(memory uint64) []Entry {
	return nil
}

// Load puts a kernel, its command line and its initrd (which may be empty) into memory, and fills the zero page. Ram is the memory below PCI, and
// all zeros. What is no bzImage, or does not fit, is an error.
func Load(ram, bzImage, initrd []byte, cmdline string) error {
	return errNotYet
}
