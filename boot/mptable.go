package boot

import (
	"encoding/binary"
	"fmt"

	"terem/internal/fault"
	"terem/memory"
)

// The MP table of the MultiProcessor Specification 1.4, chapter 4. A kernel finds the floating
// pointer in the EBDA; the table lies where a PC has its BIOS, since 254 processors of 20 bytes do
// not fit into the EBDA.
//
//	header     44 bytes   "PCMP", length, revision, checksum, names, entries, local APIC address
//	processor  20 bytes   0, APIC ID, version, flags, signature, features, reserved
//	bus         8 bytes   1, bus ID, name
//	IOAPIC      8 bytes   2, ID, version, flags, address
//	interrupt   8 bytes   3, type, flags, source bus, line, IOAPIC ID, pin
//	local int.  8 bytes   4, type, flags, source bus, line, APIC ID, LINT pin
const (
	mpProcessor = 0
	mpBus       = 1
	mpIOAPIC    = 2
	mpInterrupt = 3
	mpLocal     = 4

	mpHeaderLen    = 44
	mpProcessorLen = 20
	mpPointerLen   = 16
	mpRevision     = 4 // specification 1.4

	mpEnabled       = 1 << 0
	mpBootProcessor = 1 << 1

	mpTypeINT    = 0
	mpTypeNMI    = 1
	mpTypeExtINT = 3

	apicVersion   = 0x14        // an integrated APIC
	ioapicVersion = 0x11        // with 24 pins
	cpuSignature  = 0x600       // family 6: the kernel asks CPUID itself
	cpuFeatures   = 0x0000_0201 // FPU, APIC
	allAPICs      = 0xff
	isaBus        = 0
)

// maxMPTableCPUs is how many processors have an 8-bit APIC ID: 255 is the broadcast address, and
// the IOAPIC wants an ID of its own.
const maxMPTableCPUs = 254

// tooManyCPUs is the error for processors that no table describes.
func tooManyCPUs(n int) error {
	return &fault.Error{Class: fault.Usage, Thing: fmt.Sprintf("%d CPUs", n),
		Cause: fmt.Sprintf("without ACPI tables a guest can have %d", maxMPTableCPUs),
		Mend:  "lower " + fault.Field("CPUs")}
}

// ioapicID is the IOAPIC's ID, the first that no CPU has.
func ioapicID(cpus int) byte { return byte(min(cpus, maxMPTableCPUs)) }

// writeMPTable writes the table for cpus processors and the pointer to it.
func writeMPTable(m *memory.Guest, cpus int) error {
	if err := m.Store16(memory.EBDAPointer, uint16(memory.EBDA>>4)); err != nil {
		return err
	}
	if err := m.Write(memory.MPPointer, mpPointer()); err != nil {
		return err
	}
	return m.Write(memory.MPTable, mpTable(cpus))
}

// mpPointer is the floating pointer structure (section 4.1). Its feature bytes are zero: there is a
// table, and the 8259s are in virtual wire mode.
func mpPointer() []byte {
	b := make([]byte, mpPointerLen)
	copy(b, "_MP_")
	binary.LittleEndian.PutUint32(b[4:], uint32(memory.MPTable))
	b[8] = mpPointerLen / 16
	b[9] = mpRevision
	b[10] = checksum(b)
	return b
}

// mpTable is the configuration table (section 4.2).
func mpTable(cpus int) []byte {
	b := make([]byte, mpHeaderLen)
	entries := 0
	add := func(e ...byte) {
		b = append(b, e...)
		entries++
	}
	for id := range cpus {
		add(mpCPU(byte(id))...)
	}
	add(mpBus, isaBus, 'I', 'S', 'A', ' ', ' ', ' ')
	add(append([]byte{mpIOAPIC, ioapicID(cpus), ioapicVersion, mpEnabled},
		binary.LittleEndian.AppendUint32(nil, uint32(memory.IOAPIC))...)...)
	for pin := range byte(memory.IOAPICPins) {
		add(mpInterrupt, mpTypeINT, 0, 0, isaBus, pin, ioapicID(cpus), pin)
	}
	add(mpLocal, mpTypeExtINT, 0, 0, isaBus, 0, 0, 0)
	add(mpLocal, mpTypeNMI, 0, 0, isaBus, 0, allAPICs, 1)

	copy(b, "PCMP")
	le := binary.LittleEndian
	le.PutUint16(b[4:], uint16(len(b)))
	b[6] = mpRevision
	copy(b[8:16], "TEREM   ")
	copy(b[16:28], "TEREM VM    ")
	le.PutUint16(b[34:], uint16(entries))
	le.PutUint32(b[36:], uint32(memory.LAPIC))
	b[7] = checksum(b)
	return b
}

// mpCPU is a processor entry. The first processor is the one that boots.
func mpCPU(id byte) []byte {
	flags := byte(mpEnabled)
	if id == 0 {
		flags |= mpBootProcessor
	}
	b := make([]byte, mpProcessorLen)
	copy(b, []byte{mpProcessor, id, apicVersion, flags})
	binary.LittleEndian.PutUint32(b[4:], cpuSignature)
	binary.LittleEndian.PutUint32(b[8:], cpuFeatures)
	return b
}

// checksum is the byte that makes the sum of b, in which its own place is zero, vanish.
func checksum(b []byte) byte {
	var sum byte
	for _, c := range b {
		sum += c
	}
	return -sum
}
