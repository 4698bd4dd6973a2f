package machine

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"terem/internal/kvmtest"
	"terem/kvm"
	"terem/memory"
)

var le = binary.LittleEndian

// firmware is what a guest's kernel learns from the ACPI tables, and nothing else: no
// constant of this house is used with it.
type firmware struct {
	t *testing.T
	m *Machine

	fadt, dsdt, madt []byte
}

// newFirmware follows the tables of a machine from where the boot protocol puts the RSDP.
func newFirmware(t *testing.T, m *Machine) *firmware {
	t.Helper()
	f := &firmware{t: t, m: m}
	const zeroPageRSDP = 0x70
	rsdp := le.Uint64(f.bytes(uint64(memory.ZeroPage)+zeroPageRSDP, 8))
	xsdt := f.table(le.Uint64(f.bytes(rsdp+24, 8)))
	for list := xsdt[36:]; len(list) >= 8; list = list[8:] {
		switch table := f.table(le.Uint64(list)); string(table[:4]) {
		case "FACP":
			f.fadt = table
		case "APIC":
			f.madt = table
		}
	}
	f.dsdt = f.table(le.Uint64(f.fadt[140:]))
	return f
}

func (f *firmware) bytes(at, n uint64) []byte {
	f.t.Helper()
	b, err := f.m.ram.Slice(memory.Addr(at), n)
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

func (f *firmware) table(at uint64) []byte { return f.bytes(at, uint64(le.Uint32(f.bytes(at+4, 4)))) }

// port is the port of the generic address structure at off in the FADT.
func (f *firmware) port(off int) uint64 {
	if f.fadt[off] != 1 {
		f.t.Fatalf("the register at %d of the FADT is not a port", off)
	}
	return le.Uint64(f.fadt[off+4:])
}

func (f *firmware) in(port uint64, n int) uint32 {
	var p [4]byte
	f.m.board.ports.Read(port, p[:n])
	return le.Uint32(p[:])
}

func (f *firmware) out(port uint64, n int, v uint32) {
	f.m.board.ports.Write(port, le.AppendUint32(nil, v)[:n])
}

// sleepType is the first number of the DSDT's \_S5: Name (_S5, Package (n) {BytePrefix v ...}).
func (f *firmware) sleepType() uint32 {
	f.t.Helper()
	head := []byte{0x08, '_', 'S', '5', '_', 0x12}
	i := bytes.Index(f.dsdt, head)
	if i < 0 {
		f.t.Fatal("the DSDT has no _S5")
	}
	number := f.dsdt[i+len(head)+2:]
	if number[0] != 0x0a {
		f.t.Fatalf("the sleep type is no byte: % x", number[:4])
	}
	return uint32(number[1])
}

// pin is the IOAPIC's request bit of a line that is level-triggered, or that was never
// looked at.
func (f *firmware) pin(gsi uint16) bool {
	f.t.Helper()
	chip, err := f.m.vm.IRQChip(kvm.ChipIOAPIC)
	if err != nil {
		f.t.Fatal(err)
	}
	const irr = 8 + 4 + 4 // struct kvm_ioapic_state: base_address, ioregsel, id, irr
	return le.Uint32(chip.Chip[irr:])>>gsi&1 != 0
}

// newTablesMachine is a paused machine with ACPI tables and a device on the virtio bus.
func newTablesMachine(t *testing.T) *Machine {
	c := tinyConfig(codeHalt)
	c.ACPI, c.CPUs, c.Memory, c.Balloon = true, 2, 64<<20, &Balloon{}
	return newTiny(t, c)
}

// TestTablesPowerOff does what the tables say, as a kernel does.
func TestTablesPowerOff(t *testing.T) {
	kvmtest.Open(t)
	f := newFirmware(t, newTablesMachine(t))
	const sleepEnable = 1 << 13
	f.out(f.port(172), 2, f.sleepType()<<10)
	select {
	case <-f.m.Done():
		t.Fatal("a sleep type without SLP_EN ended the machine")
	default:
	}
	f.out(f.port(172), 2, f.sleepType()<<10|sleepEnable)
	if o := waitFor(t, f.m); o.Kind != PoweredOff {
		t.Errorf("it ended so: %v", o)
	}
}

func TestTablesReset(t *testing.T) {
	f := newFirmware(t, newTablesMachine(t))
	f.out(f.port(116), 1, uint32(f.fadt[128]))
	if o := waitFor(t, f.m); o.Kind != WasReset {
		t.Errorf("it ended so: %v", o)
	}
}

// TestTablesPowerButton: the SCI is where the FADT says, stays high until the status is
// cleared, and the registers are as long as the FADT says.
func TestTablesPowerButton(t *testing.T) {
	f := newFirmware(t, newTablesMachine(t))
	sci, events, half := le.Uint16(f.fadt[46:]), f.port(148), uint64(f.fadt[88]/2)
	const button = 1 << 8
	f.m.board.pm.PressPowerButton()
	if f.pin(sci) {
		t.Error("the SCI is high before somebody asked for it")
	}
	f.out(events+half, 2, button)
	if !f.pin(sci) || f.in(events, 2) != button {
		t.Fatalf("the power button: SCI %t, status %#x", f.pin(sci), f.in(events, 2))
	}
	f.out(events, 2, button)
	if f.pin(sci) || f.in(events, 2) != 0 {
		t.Errorf("the power button, answered: SCI %t, status %#x", f.pin(sci), f.in(events, 2))
	}
	if events != uint64(le.Uint32(f.fadt[56:])) || f.port(172) != uint64(le.Uint32(f.fadt[64:])) || f.port(208) != uint64(le.Uint32(f.fadt[76:])) {
		t.Error("the FADT's 32-bit and 64-bit addresses differ")
	}
}

// TestTablesClocks reads the PM timer, twice, and the century.
func TestTablesClocks(t *testing.T) {
	f := newFirmware(t, newTablesMachine(t))
	first := f.in(f.port(208), int(f.fadt[91]))
	time.Sleep(time.Millisecond)
	if second := f.in(f.port(208), int(f.fadt[91])); second-first < 3000 || second-first > 1<<31 {
		t.Errorf("the PM timer went from %d to %d in a millisecond or more", first, second)
	}
	f.out(0x70, 1, uint32(f.fadt[108]))
	if got, want := f.in(0x71, 1), uint32(time.Now().UTC().Year()/1000<<4|time.Now().UTC().Year()/100%10); got != want {
		t.Errorf("the century is %#x, want %#x", got, want)
	}
}

// TestTablesDevices: everything that the DSDT claims answers, and nothing of it twice.
func TestTablesDevices(t *testing.T) {
	f := newFirmware(t, newTablesMachine(t))
	io := f.find(0x47, 8) // I/O port descriptor
	if len(io) != 1 {
		t.Fatalf("%d ranges of ports, want COM1's", len(io))
	}
	com1, n := uint64(le.Uint16(io[0][2:])), uint64(io[0][7])
	for port := com1; port < com1+n; port++ {
		if name := f.m.board.ports.Name(port); name != "serial" {
			t.Errorf("port %#x is %q", port, name)
		}
	}
	if f.m.board.ports.Name(com1+n) != "" {
		t.Errorf("the serial port has more than %d ports", n)
	}
	lines := f.find(0x22, 3)
	f.out(com1+4, 1, 0x08) // OUT2
	f.out(com1+1, 1, 0x02) // THR empty
	f.awaitRequest(le.Uint16(lines[0][1:]))

	mem := f.find(0x86, 12)
	if len(mem) != len(f.m.virtio.slots) {
		t.Fatalf("%d windows for %d virtio devices", len(mem), len(f.m.virtio.slots))
	}
	for i, w := range mem {
		at, size := uint64(le.Uint32(w[4:])), uint64(le.Uint32(w[8:]))
		for _, a := range []uint64{at, at + size - 1} {
			if f.m.board.mem.Name(a) == "" {
				t.Errorf("window %d: nobody is at %#x", i, a)
			}
		}
		magic := make([]byte, 4)
		f.m.board.mem.Read(at, magic)
		if string(magic) != "virt" {
			t.Errorf("window %d begins with %q", i, magic)
		}
	}
	for i, l := range f.find(0x89, 9) { // extended interrupt descriptor
		at := uint64(le.Uint32(mem[i][4:]))
		for _, status := range []uint32{1, 3} { // ACKNOWLEDGE, DRIVER
			f.m.board.mem.Write(at+0x70, le.AppendUint32(nil, status))
		}
		f.m.virtio.slots[i].mmio.ConfigChanged()
		f.awaitRequest(1 << le.Uint32(l[5:]))
	}
}

// find gives the resource descriptors with that first byte, n bytes each.
func (f *firmware) find(kind byte, n int) (found [][]byte) {
	const buffer = 0x11 // BufferOp, PkgLength of one byte, BytePrefix, size
	for rest := f.dsdt; ; {
		i := bytes.Index(rest, []byte("_CRS"))
		if i < 0 {
			return found
		}
		rest = rest[i+4:]
		if rest[0] != buffer {
			f.t.Fatalf("a _CRS that is no buffer: % x", rest[:4])
		}
		items := rest[4 : 4+int(rest[3])]
		for len(items) > 0 && items[0] != 0x79 { // end tag
			size := 1 + int(items[0]&7)
			if items[0]&0x80 != 0 {
				size = 3 + int(le.Uint16(items[1:]))
			}
			if items[0] == kind && size == n {
				found = append(found, items[:size])
			}
			items = items[size:]
		}
	}
}

// awaitRequest waits until the 8259s have noted an edge on one of the lines of mask.
func (f *firmware) awaitRequest(mask uint16) {
	f.t.Helper()
	var got uint16
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		got = 0
		for i, id := range []uint32{kvm.ChipPICMaster, kvm.ChipPICSlave} {
			chip, err := f.m.vm.IRQChip(id)
			if err != nil {
				f.t.Fatal(err)
			}
			got |= uint16(chip.Chip[1]) << (8 * i) // struct kvm_pic_state: last_irr, irr
		}
		if got&mask != 0 {
			return
		}
	}
	f.t.Errorf("the 8259s have %#x, want %#x", got, mask)
}

// TestTablesControllers: the interrupt controllers are where the MADT says.
func TestTablesControllers(t *testing.T) {
	f := newFirmware(t, newTablesMachine(t))
	chip, err := f.m.vm.IRQChip(kvm.ChipIOAPIC)
	if err != nil {
		t.Fatal(err)
	}
	var cpus []byte
	ioapic := uint64(0)
	for e := f.madt[44:]; len(e) >= 2; e = e[e[1]:] {
		switch e[0] {
		case 0:
			cpus = append(cpus, e[3])
		case 1:
			ioapic = uint64(le.Uint32(e[4:]))
		case 2:
			sci, flags := uint16(le.Uint32(e[4:])), le.Uint16(e[8:])
			if sci != le.Uint16(f.fadt[46:]) || flags != 0xd {
				t.Errorf("override of line %d with flags %#x: want the SCI, level-triggered, active high", sci, flags)
			}
		}
	}
	if at := le.Uint64(chip.Chip[:]); at != ioapic {
		t.Errorf("the IOAPIC is at %#x, the MADT says %#x", at, ioapic)
	}
	if len(cpus) != len(f.m.cpus) {
		t.Fatalf("%d processors in the MADT, %d there", len(cpus), len(f.m.cpus))
	}
	for i, r := range f.m.cpus {
		err := r.Do(func(c *kvm.VCPU) error {
			s, err := c.Sregs()
			if base := s.ApicBase &^ 0xfff; base != uint64(le.Uint32(f.madt[36:])) {
				t.Errorf("the local APIC is at %#x, the MADT says otherwise", base)
			}
			if int(cpus[i]) != c.ID() {
				t.Errorf("processor %d has APIC ID %d in the MADT, its number is %d", i, cpus[i], c.ID())
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
