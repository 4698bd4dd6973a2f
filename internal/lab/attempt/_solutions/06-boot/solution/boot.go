// Package exercise puts a Linux kernel into a machine's memory, as its boot protocol wants it.
package exercise

import (
	"encoding/binary"
	"errors"
	"fmt"
)

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

// E820 is the map of a machine with so many bytes of memory, a multiple of 1 MiB and 16 of them at least, in ascending order. Memory begins at
// address 0; what would lie between VGA and Kernel is not used, and what would lie behind PCI lies behind High.
func E820(memory uint64) []Entry {
	low := min(memory, PCI)
	list := []Entry{{0, VGA, RAM}, {Kernel, low - Kernel, RAM}}
	if memory > low {
		list = append(list, Entry{High, memory - low, RAM})
	}
	return list
}

// Offsets in a bzImage and in the zero page (Documentation/arch/x86/boot.rst).
const (
	e820Entries    = 0x1e8
	setupSects     = 0x1f1
	jump           = 0x201 // its second byte says where the header ends
	magic          = 0x202
	typeOfLoader   = 0x210
	loadFlags      = 0x211
	ramdiskImage   = 0x218
	ramdiskSize    = 0x21c
	cmdLinePtr     = 0x228
	initrdAddrMax  = 0x22c
	cmdlineSize    = 0x238
	initSize       = 0x260
	e820Table      = 0x2d0
	leastHeader    = 0x264
	loadedHigh     = 1 << 0
	headerMagic    = "HdrS"
	sector         = 512
	page           = 4096
	unknownLoader  = 0xff
	sectsIfNotSaid = 4
)

// Load puts a kernel, its command line and its initrd (which may be empty) into memory, and fills the zero page. Ram is the memory below PCI, and
// all zeros. What is no bzImage, or does not fit, is an error.
func Load(ram, bzImage, initrd []byte, cmdline string) error {
	if len(bzImage) < leastHeader || string(bzImage[magic:][:4]) != headerMagic || bzImage[loadFlags]&loadedHigh == 0 {
		return errors.New("no bzImage")
	}
	sects := int(bzImage[setupSects])
	if sects == 0 {
		sects = sectsIfNotSaid
	}
	setup := (sects + 1) * sector
	if setup >= len(bzImage) {
		return errors.New("the image ends in its setup")
	}
	le := binary.LittleEndian
	needed := uint64(le.Uint32(bzImage[initSize:]))
	if needed = max(needed, uint64(len(bzImage)-setup)); Kernel+needed > uint64(len(ram)) {
		return fmt.Errorf("the kernel needs %d bytes", needed)
	}
	if most := le.Uint32(bzImage[cmdlineSize:]); len(cmdline) > int(most) {
		return fmt.Errorf("a command line of %d bytes: %d go", len(cmdline), most)
	}
	copy(ram[Kernel:], bzImage[setup:])
	copy(ram[CommandLine:], cmdline)

	zero := ram[ZeroPage:][:page]
	end := magic + int(bzImage[jump])
	copy(zero[setupSects:end], bzImage[setupSects:])
	zero[typeOfLoader] = unknownLoader
	le.PutUint32(zero[cmdLinePtr:], CommandLine)
	if err := place(ram, zero, initrd, Kernel+needed); err != nil {
		return err
	}
	for i, e := range E820(uint64(len(ram))) {
		entry := zero[e820Table+20*i:]
		le.PutUint64(entry, e.Addr)
		le.PutUint64(entry[8:], e.Size)
		le.PutUint32(entry[16:], e.Type)
		zero[e820Entries]++
	}
	return nil
}

// place puts the initrd as high as the kernel allows, and above all that it needs for itself.
func place(ram, zero, initrd []byte, from uint64) error {
	if len(initrd) == 0 {
		return nil
	}
	le := binary.LittleEndian
	top := min(uint64(len(ram)), uint64(le.Uint32(zero[initrdAddrMax:]))+1)
	if size := uint64(len(initrd)); size > top || (top-size)&^(page-1) < from {
		return fmt.Errorf("no room for an initrd of %d bytes", size)
	}
	at := (top - uint64(len(initrd))) &^ (page - 1)
	copy(ram[at:], initrd)
	le.PutUint32(zero[ramdiskImage:], uint32(at))
	le.PutUint32(zero[ramdiskSize:], uint32(len(initrd)))
	return nil
}
