package boot

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"terem/memory"
)

// dump is b in hexadecimal, for golden files that can be read.
func dump(b []byte) []byte { return []byte(hex.Dump(b)) }

func sum(b []byte) (s byte) {
	for _, c := range b {
		s += c
	}
	return s
}

func TestZeroPageGolden(t *testing.T) {
	m := newGuest(t, 3<<30+256<<20)
	p := Platform{CmdLine: "console=ttyS0", RNGSeed: bytes.Repeat([]byte{0xa5}, 32), ACPI: true,
		Initrd: &Initrd{R: bytes.NewReader(make([]byte, 5000)), Size: 5000}}
	if _, err := bootImage(m, testKernel(), Options{}, p); err != nil {
		t.Fatal(err)
	}
	golden(t, "zeropage.golden", dump(bytesAt(t, m, memory.ZeroPage, 0x400)))
	if rest := bytesAt(t, m, memory.ZeroPage+0x400, memory.ZeroPageSize-0x400); !bytes.Equal(rest, make([]byte, len(rest))) {
		t.Error("the rest of the zero page is not zero")
	}
}

func TestMemoryMap(t *testing.T) {
	for _, size := range []uint64{minMemory, 128 << 20, 3 << 30, 3<<30 + memory.PageSize, 40 << 30} {
		m := newGuest(t, size)
		var end memory.Addr
		var ram uint64
		for _, r := range memoryMap(m) {
			if r.start < end || r.end <= r.start {
				t.Errorf("%d bytes: range %v-%v is empty or out of order", size, r.start, r.end)
			}
			end = r.end
			if r.kind == memRAM {
				ram += uint64(r.end - r.start)
				if !m.Contains(r.start, uint64(r.end-r.start)) {
					t.Errorf("%d bytes: RAM %v-%v is not there", size, r.start, r.end)
				}
			}
		}
		if want := size - uint64(memory.KernelBase-memory.LowRAMEnd); ram != want {
			t.Errorf("%d bytes: %d of them usable, want %d", size, ram, want)
		}
	}
}

func TestMPTableGolden(t *testing.T) {
	m := newGuest(t, 2<<20)
	if err := writeMPTable(m, 3); err != nil {
		t.Fatal(err)
	}
	if ebda, err := m.Load16(memory.EBDAPointer); err != nil || memory.Addr(ebda)<<4 != memory.EBDA {
		t.Errorf("EBDA pointer %#x, %v", ebda, err)
	}
	b := append(dump(bytesAt(t, m, memory.MPPointer, mpPointerLen)), '\n')
	golden(t, "mptable.golden", append(b, dump(bytesAt(t, m, memory.MPTable, uint64(len(mpTable(3)))))...))
}

func TestMPTableSizes(t *testing.T) {
	if b := mpPointer(); sum(b) != 0 {
		t.Error("checksum of the floating pointer")
	}
	for _, cpus := range []int{1, 2, 100, maxMPTableCPUs} {
		b := mpTable(cpus)
		if uint64(len(b)) > memory.MPTableSize || sum(b) != 0 || int(binary.LittleEndian.Uint16(b[4:])) != len(b) {
			t.Errorf("%d CPUs: %d bytes, checksum %d", cpus, len(b), sum(b))
		}
		entries, seen := int(binary.LittleEndian.Uint16(b[34:])), 0
		for rest := b[mpHeaderLen:]; len(rest) > 0; seen++ {
			n := 8
			if rest[0] == mpProcessor {
				n = mpProcessorLen
			}
			rest = rest[n:]
		}
		if seen != entries || entries != cpus+2+memory.IOAPICPins+2 {
			t.Errorf("%d CPUs: %d entries, header says %d", cpus, seen, entries)
		}
	}
}

func TestTooManyCPUs(t *testing.T) {
	load := func(p Platform) error {
		_, err := bootImage(newGuest(t, 16<<20), testKernel(), Options{}, p)
		return err
	}
	wantImageError(t, load(Platform{CPUs: 255, MPTable: true}), "255 CPUs", "254", "CPUs")
	for _, p := range []Platform{{CPUs: 254, MPTable: true}, {CPUs: 255, MPTable: true, ACPI: true}, {CPUs: 2048, ACPI: true}} {
		if err := load(p); err != nil {
			t.Errorf("%d CPUs: %v", p.CPUs, err)
		}
	}
	if err := load(Platform{CPUs: 5000, ACPI: true}); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("5000 CPUs: %v", err)
	}
}

// acpiTables writes the tables for p and follows the pointers from the RSDP: signature to table.
func acpiTables(t *testing.T, p Platform) map[string][]byte {
	t.Helper()
	m := newGuest(t, 2<<20)
	if err := writeACPI(m, &p); err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	root := bytesAt(t, m, memory.RSDP, rsdpLen)
	if sum(root[:20]) != 0 || sum(root) != 0 {
		t.Error("checksums of the RSDP")
	}
	tables := map[string][]byte{"RSDP": root}
	read := func(a uint64) []byte {
		n := le.Uint32(bytesAt(t, m, memory.Addr(a), 8)[4:])
		b := bytesAt(t, m, memory.Addr(a), uint64(n))
		if tables[string(b[:4])] = b; string(b[:4]) != "FACS" && sum(b) != 0 {
			t.Errorf("checksum of the %s", b[:4])
		}
		return b
	}
	for list := read(le.Uint64(root[24:]))[acpiHeaderLen:]; len(list) > 0; list = list[8:] {
		read(le.Uint64(list))
	}
	read(le.Uint64(tables["FACP"][fadtXDSDT:]))
	read(uint64(le.Uint32(tables["FACP"][fadtFACS:])))
	return tables
}

// TestMADTOfManyCPUs: an APIC ID of 255 and above needs an entry of the x2APIC's form, since 255 is the
// broadcast address of the other; and the IOAPIC has none of the two.
func TestMADTOfManyCPUs(t *testing.T) {
	le := binary.LittleEndian
	for _, cpus := range []int{1, 254, 255, 256, 300} {
		next, nmiForX2APIC := uint32(0), false
		isNext := func(id uint32, ok bool) {
			if id != next || !ok {
				t.Errorf("%d CPUs: an entry for APIC ID %d, want one for %d", cpus, id, next)
			}
			next++
		}
		for e := madt(cpus)[acpiHeaderLen+8:]; len(e) > 0; e = e[e[1]:] {
			switch e[0] {
			case madtLAPIC:
				isNext(uint32(e[3]), e[3] < 255)
			case madtX2APIC:
				isNext(le.Uint32(e[4:]), true)
			case madtIOAPIC:
				if e[2] == 255 || int(e[2]) < min(cpus, 254) {
					t.Errorf("%d CPUs: the IOAPIC has ID %d", cpus, e[2])
				}
			case madtX2APICNMI:
				nmiForX2APIC = true
			}
		}
		if next != uint32(cpus) || nmiForX2APIC != (cpus > 255) {
			t.Errorf("%d CPUs: %d entries, one for NMIs of x2APICs: %v", cpus, next, nmiForX2APIC)
		}
	}
}

func testPlatform() Platform {
	return Platform{CPUs: 2, ACPI: true, Devices: []MMIODevice{
		{Addr: memory.VirtioMMIOAddr(0), GSI: 5}, {Addr: memory.VirtioMMIOAddr(1), GSI: 16}}}
}

func TestACPIGolden(t *testing.T) {
	tables := acpiTables(t, testPlatform())
	var b []byte
	for _, name := range []string{"RSDP", "XSDT", "FACP", "FACS", "APIC", "DSDT"} {
		b = append(b, name+":\n"...)
		b = append(b, dump(tables[name])...)
	}
	golden(t, "acpi.golden", b)
}

// TestACPIDisassembles asks ACPICA, the implementation that Linux has too, what the tables say.
func TestACPIDisassembles(t *testing.T) {
	iasl, err := exec.LookPath("iasl")
	if err != nil {
		t.Skip("iasl is not installed: apt-get install acpica-tools")
	}
	many := testPlatform()
	many.CPUs = 300
	for i := range 40 {
		many.Devices = append(many.Devices, MMIODevice{Addr: memory.VirtioMMIOAddr(i + 2), GSI: 23})
	}
	for name, want := range map[string][]string{
		"DSDT": {`Name (_HID, EisaId ("PNP0501")`, "IO (Decode16,", "0x03F8,", "IRQNoFlags ()", "{4}",
			"Device (V001)", `"LNRO0005"`, "Memory32Fixed (ReadWrite,", "0xD0001000,", "0x00000010,",
			"Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive", "Name (_S5, Package (0x04)"},
		"APIC": {"[Processor Local APIC]", "[I/O APIC]", "FEC00000", "[Interrupt Source Override]", "Trigger Mode : 3"},
		"FACP": {"PM1A Event Block Address : 00000600", "Reset Register Supported (V2) : 1", "Hardware Reduced (V5) : 0",
			"SCI Interrupt : 0009", "Value to cause reset : 06"},
		"XSDT": nil,
		"FACS": nil,
	} {
		for _, p := range []Platform{testPlatform(), many} {
			text := disassemble(t, iasl, name, acpiTables(t, p)[name])
			for _, w := range want {
				if !strings.Contains(text, w) {
					t.Errorf("%s with %d CPUs lacks %q:\n%s", name, p.CPUs, w, text)
				}
			}
		}
	}
}

// disassemble is iasl's source for a table, with which iasl must be content in turn.
func disassemble(t *testing.T, iasl, name string, table []byte) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name+".aml"), table, 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		cmd := exec.Command(iasl, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("iasl %q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	if out := run("-d", name+".aml"); strings.Contains(out, "Warning") || strings.Contains(out, "rror:") {
		t.Errorf("%s: iasl complains:\n%s", name, out)
	}
	if out := run("-p", "again", name+".dsl"); !strings.Contains(out, "0 Errors, 0 Warnings") {
		t.Errorf("%s: iasl complains about its own source:\n%s", name, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, name+".dsl"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAMLLengths(t *testing.T) {
	for n, head := range map[int][]byte{
		62:       {amlBuffer, 63},
		63:       {amlBuffer, 0x41, 0x04},             // 65 = 4<<4 | 1
		4093:     {amlBuffer, 0x4f, 0xff},             // 4095, the most that two bytes hold
		4094:     {amlBuffer, 0x81, 0x00, 0x01},       // 4097
		0xffffc:  {amlBuffer, 0x8f, 0xff, 0xff},       // 0xfffff, the most that three hold
		0xffffd:  {amlBuffer, 0xc1, 0x00, 0x00, 0x01}, // 0x100001
		1 << 20:  {amlBuffer, 0xc4, 0x00, 0x00, 0x01}, // 0x100004
		0x000000: {amlBuffer, 1},
	} {
		got := amlSized([]byte{amlBuffer}, make([]byte, n))
		if !bytes.HasPrefix(got, head) || len(got) != len(head)+n {
			t.Errorf("%d bytes: % x and %d bytes in all, want % x", n, got[:min(5, len(got))], len(got), head)
		}
	}
}

func TestAMLIntegers(t *testing.T) {
	for v, want := range map[uint32][]byte{
		0: {0x00}, 1: {0x01}, 2: {0x0a, 2}, 0xff: {0x0a, 0xff}, 0x100: {0x0b, 0, 1},
		0xffff: {0x0b, 0xff, 0xff}, 0x10000: {0x0c, 0, 0, 1, 0},
	} {
		if got := amlInteger(v); !bytes.Equal(got, want) {
			t.Errorf("%#x: % x, want % x", v, got, want)
		}
	}
	if got, want := amlEISAID("PNP0A03"), []byte{amlDWord, 0x41, 0xd0, 0x0a, 0x03}; !bytes.Equal(got, want) {
		t.Errorf("PNP0A03: % x, want % x", got, want)
	}
}
