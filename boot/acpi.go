package boot

import (
	"encoding/binary"
	"fmt"

	"terem/memory"
)

// The ACPI tables (ACPI 6.5 chapter 5). The RSDP comes first, at a place of its own; the others
// follow each other, and the FACS has a page that the guest must leave alone.
//
//	RSDP -> XSDT -> FADT -> DSDT   COM1, virtio-mmio devices, the S5 state
//	             |       -> FACS
//	             -> MADT           local APICs, the IOAPIC
const (
	acpiHeaderLen = 36
	acpiAlign     = 64
	acpiOEM       = "TEREM "
	acpiOEMTable  = "TEREM VM"
	acpiCreator   = "TERE"
	rsdpLen       = 36
	facsLen       = 64
)

// acpiTable is a table with the header that all but RSDP and FACS share (table 5.4):
//
//	0  signature   4  length    8  revision  9  checksum
//	10 OEM ID     16  OEM's name for the table
//	24 OEM's revision of it     28 creator   32 creator's revision
func acpiTable(signature string, revision byte, body []byte) []byte {
	b := make([]byte, acpiHeaderLen, acpiHeaderLen+len(body))
	copy(b, signature)
	binary.LittleEndian.PutUint32(b[4:], uint32(acpiHeaderLen+len(body)))
	b[8] = revision
	copy(b[10:16], acpiOEM)
	copy(b[16:24], acpiOEMTable)
	binary.LittleEndian.PutUint32(b[24:], 1)
	copy(b[28:32], acpiCreator)
	binary.LittleEndian.PutUint32(b[32:], 1)
	b = append(b, body...)
	b[9] = checksum(b)
	return b
}

// writeACPI writes the tables for the machine that p describes.
func writeACPI(m *memory.Guest, p *Platform) error {
	w := acpiWriter{m: m, next: memory.ACPI}
	dsdt := w.add(dsdt(p.Devices))
	madt := w.add(madt(p.cpus()))
	fadt := w.add(fadt(dsdt))
	xsdt := w.add(xsdt(fadt, madt))
	w.put(memory.RSDP, rsdp(xsdt))
	w.put(memory.FACS, facs())
	return w.err
}

// acpiWriter places tables one after the other and keeps the first error.
type acpiWriter struct {
	m    *memory.Guest
	next memory.Addr
	err  error
}

// add writes a table at the next free place and gives its address.
func (w *acpiWriter) add(table []byte) memory.Addr {
	at := w.next
	if n := uint64(len(table)); w.err == nil && n > uint64(memory.FACS-at) {
		w.err = fmt.Errorf("ACPI table %s of %d bytes at %v: no room below %v", table[:4], n, at, memory.FACS)
		return at
	}
	w.put(at, table)
	w.next = memory.Addr(alignUp(uint64(at)+uint64(len(table)), acpiAlign))
	return at
}

func (w *acpiWriter) put(at memory.Addr, table []byte) {
	if w.err == nil {
		w.err = w.m.Write(at, table)
	}
}

// rsdp is the root pointer, revision 2 (table 5.3). Its first checksum covers the 20 bytes of
// ACPI 1.0, the second all.
func rsdp(xsdt memory.Addr) []byte {
	const len1 = 20
	b := make([]byte, rsdpLen)
	copy(b, "RSD PTR ")
	copy(b[9:15], acpiOEM)
	b[15] = 2
	binary.LittleEndian.PutUint32(b[20:], rsdpLen)
	binary.LittleEndian.PutUint64(b[24:], uint64(xsdt))
	b[8] = checksum(b[:len1])
	b[32] = checksum(b)
	return b
}

// xsdt lists the tables that a kernel looks for by signature (table 5.8).
func xsdt(tables ...memory.Addr) []byte {
	var body []byte
	for _, t := range tables {
		body = binary.LittleEndian.AppendUint64(body, uint64(t))
	}
	return acpiTable("XSDT", 1, body)
}

// facs is the firmware's control structure (table 5.10), all zero: no waking vector, no lock held.
func facs() []byte {
	b := make([]byte, facsLen)
	copy(b, "FACS")
	binary.LittleEndian.PutUint32(b[4:], facsLen)
	b[32] = 2
	return b
}

// MADT structures (section 5.2.12).
const (
	madtLAPIC     = 0  // 8 bytes: processor, APIC ID, flags
	madtIOAPIC    = 1  // 12 bytes: ID, address, first GSI
	madtOverride  = 2  // 10 bytes: bus, source, GSI, flags
	madtLAPICNMI  = 4  // 6 bytes: processor, flags, LINT
	madtX2APIC    = 9  // 16 bytes: APIC ID, flags, processor
	madtX2APICNMI = 10 // 12 bytes: flags, processor, LINT

	madtPCAT        = 1 << 0 // there are 8259s too
	madtEnabled     = 1 << 0
	madtActiveHigh  = 1 << 0
	madtLevel       = 3 << 2
	madtAllLAPICs   = 0xff
	madtAllX2APICs  = 0xffff_ffff
	madtNMILint     = 1
	madtFirstX2APIC = 255 // the first ID that an 8-bit field cannot hold
)

// madt lists the interrupt controllers. ISA lines reach the IOAPIC one to one; only the SCI is not
// edge-triggered as ISA lines are.
func madt(cpus int) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, uint32(memory.LAPIC))
	b = le.AppendUint32(b, madtPCAT)
	for id := range uint32(cpus) {
		if id < madtFirstX2APIC {
			b = append(b, madtLAPIC, 8, byte(id), byte(id))
			b = le.AppendUint32(b, madtEnabled)
			continue
		}
		b = append(b, madtX2APIC, 16, 0, 0)
		b = le.AppendUint32(b, id)
		b = le.AppendUint32(b, madtEnabled)
		b = le.AppendUint32(b, id)
	}
	b = append(b, madtIOAPIC, 12, ioapicID(cpus), 0)
	b = le.AppendUint32(b, uint32(memory.IOAPIC))
	b = le.AppendUint32(b, 0)
	b = append(b, madtOverride, 10, isaBus, memory.SCIGSI)
	b = le.AppendUint32(b, memory.SCIGSI)
	b = le.AppendUint16(b, madtActiveHigh|madtLevel)
	b = append(b, madtLAPICNMI, 6, madtAllLAPICs, 0, 0, madtNMILint)
	if cpus > madtFirstX2APIC {
		b = append(b, madtX2APICNMI, 12, 0, 0)
		b = le.AppendUint32(b, madtAllX2APICs)
		b = append(b, madtNMILint, 0, 0, 0)
	}
	return acpiTable("APIC", 5, b)
}

// dsdt describes what cannot be found by looking: the serial port, the virtio-mmio devices, and
// what to write for power-off.
func dsdt(devices []MMIODevice) []byte {
	terms := [][]byte{amlDev("COM1",
		amlDefine("_HID", amlEISAID("PNP0501")),
		amlDefine("_UID", amlInteger(0)),
		amlDefine("_CRS", amlResources(amlPorts(memory.COM1Port, memory.COM1Ports), amlISALine(memory.COM1GSI))))}
	for i, d := range devices {
		terms = append(terms, amlDev(fmt.Sprintf("V%03X", i),
			amlDefine("_HID", amlText("LNRO0005")),
			amlDefine("_UID", amlInteger(uint32(i))),
			amlDefine("_CCA", amlInteger(1)),
			amlDefine("_CRS", amlResources(amlMemory(uint32(d.Addr), memory.VirtioMMIOStride), amlGSI(d.GSI)))))
	}
	s5 := amlDefine("_S5", amlPack(amlInteger(memory.SleepTypeS5), amlInteger(memory.SleepTypeS5), amlInteger(0), amlInteger(0)))
	return acpiTable("DSDT", 2, append(amlScopeSB(terms...), s5...))
}
