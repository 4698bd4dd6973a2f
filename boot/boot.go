package boot

import (
	"errors"
	"io"

	"terem/boot/compression"
	"terem/memory"
)

// Loader puts one image into guest RAM.
type Loader interface {
	// Load fills m, which must be fresh (all zero) RAM, with the image, the initrd and the tables
	// that p asks for, and gives the first vCPU's start state.
	Load(m *memory.Guest, p Platform) (Entry, error)
}

// Platform is what the kernel is told about the machine it runs on.
type Platform struct {
	CmdLine string  // kernel command line, without a final NUL
	Initrd  *Initrd // nil: none
	CPUs    int     // vCPUs, with APIC IDs from 0 on; 0 counts as 1

	// RNGSeed seeds the kernel's random numbers through setup_data, so that it need not wait for
	// entropy. Empty: none. PVH has no way to pass it.
	RNGSeed []byte

	MPTable bool // describe CPUs and the IOAPIC in an MP table
	ACPI    bool // describe them, and power-off and reset, in ACPI tables

	// Devices are the virtio-mmio devices to name in the ACPI tables.
	Devices []MMIODevice
}

// MMIODevice is a virtio-mmio device: one page of registers and an interrupt line.
type MMIODevice struct {
	Addr memory.Addr
	GSI  uint32
}

// Initrd is an initial RAM disk, read straight into guest RAM.
type Initrd struct {
	Name string // for error messages: a path
	R    io.ReaderAt
	Size int64 // bytes
}

// cpus is the number of vCPUs, at least one.
func (p *Platform) cpus() int { return max(p.CPUs, 1) }

// Payload says what to do with the kernel inside a bzImage.
type Payload int

const (
	PayloadAuto         Payload = iota // unpack it here if its format is known
	PayloadCompressed                  // let the guest unpack it
	PayloadDecompressed                // unpack it here, or fail
)

// Protocol says how to enter an ELF image.
type Protocol int

const (
	ProtocolAuto  Protocol = iota // PVH for an image that has its note and is not Linux
	ProtocolLinux                 // 64-bit entry point, zero page
	ProtocolPVH                   // PVH entry point, start info
)

// Options chooses among the ways to load an image. The zero value is right for most.
type Options struct {
	Name     string // the image in error messages: a path
	Payload  Payload
	Protocol Protocol
	Unpack   Unpacker // nil: ErrNoUnpacker for an image whose payload would have to be unpacked
}

// Unpacker opens a payload that is packed in the given format; unpack.Open is one.
type Unpacker func(f compression.Format, packed io.Reader) (io.ReadCloser, error)

// ErrNoUnpacker is the error for a payload that is to be unpacked where Options has no Unpacker.
var ErrNoUnpacker = errors.New("no decoder at hand")
