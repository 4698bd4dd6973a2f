package boot

import (
	"bytes"
	"encoding/binary"
	"testing"

	"terem/kvm"
	"terem/memory"
)

func TestEntryLong(t *testing.T) {
	r := kvm.Regs{RAX: 1, RFLAGS: 0x246}
	s := kvm.Sregs{ApicBase: 0xfee00900, CR8: 5, IDT: kvm.Descriptor{Limit: 0xffff}} // as after a reset
	Entry{Mode: Long, IP: 0x1000000, Arg: memory.ZeroPage}.Apply(&r, &s)
	if want := (kvm.Regs{RIP: 0x1000000, RSI: 0x7000, RFLAGS: 2}); r != want {
		t.Errorf("registers %+v, want %+v", r, want)
	}
	if s.CS.Selector != 0x10 || s.CS.L != 1 || s.CS.DB != 0 || s.DS.Selector != 0x18 || s.DS != s.SS {
		t.Errorf("segments %+v, %+v", s.CS, s.DS)
	}
	if s.CR0>>31 != 1 || s.CR3 != 0x9000 || s.CR4 != 0x20 || s.EFER != 0x500 {
		t.Errorf("CR0 %#x, CR3 %#x, CR4 %#x, EFER %#x", s.CR0, s.CR3, s.CR4, s.EFER)
	}
	if s.IDT != (kvm.Descriptor{}) || s.GDT != (kvm.Descriptor{Base: 0x1000, Limit: 0x27}) {
		t.Errorf("IDT %+v, GDT %+v", s.IDT, s.GDT)
	}
	if s.ApicBase != 0xfee00900 || s.CR8 != 5 {
		t.Error("registers that have no part in the start are changed")
	}
}

func TestEntryProtected(t *testing.T) {
	var r kvm.Regs
	s := kvm.Sregs{CR3: 1, EFER: 1}
	Entry{Mode: Protected, IP: 0x100000, Arg: memory.PVHStartInfo}.Apply(&r, &s)
	if want := (kvm.Regs{RIP: 0x100000, RBX: 0x2000, RFLAGS: 2}); r != want {
		t.Errorf("registers %+v, want %+v", r, want)
	}
	if s.CS.L != 0 || s.CS.DB != 1 || s.CR0>>31 != 0 || s.CR0&1 != 1 || s.CR3 != 0 || s.CR4 != 0 || s.EFER != 0 {
		t.Errorf("%+v", s)
	}
}

// TestGDT compares the descriptors with what the Linux boot protocol's own GDTs hold.
func TestGDT(t *testing.T) {
	for _, c := range []struct {
		mode Mode
		want []uint64
	}{
		{Long, []uint64{0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00008b0000000067}},
		{Protected, []uint64{0, 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00008b0000000067}},
	} {
		m := newGuest(t, 2<<20)
		if err := (Entry{Mode: c.mode}).writeGDT(m); err != nil {
			t.Fatal(err)
		}
		for i, want := range c.want {
			if got, err := m.Load64(memory.GDT + memory.Addr(i*8)); err != nil || got != want {
				t.Errorf("mode %d, descriptor %d: %#016x, want %#016x", c.mode, i, got, want)
			}
		}
	}
}

// TestPageTables walks the tables as the processor does.
func TestPageTables(t *testing.T) {
	m := newGuest(t, 2<<20)
	if err := writePageTables(m); err != nil {
		t.Fatal(err)
	}
	for _, va := range []uint64{0, 0x7000, 0x1fffff, 0x200000, 0x3fffffff, 0x40000000, 0xbfffffff, 0xffffffff} {
		table := memory.PageTables
		for _, shift := range []int{39, 30, 21} {
			e, err := m.Load64(table + memory.Addr(va>>shift&0x1ff*8))
			if err != nil || e&(ptePresent|pteWrite) != ptePresent|pteWrite {
				t.Fatalf("%#x at level %d: %#x, %v", va, shift, e, err)
			}
			table = memory.Addr(e &^ 0xfff)
			if large := e&ptePageSize != 0; large != (shift == 21) {
				t.Fatalf("%#x at level %d: large page %t", va, shift, large)
			}
		}
		if want := memory.Addr(va &^ 0x1fffff); table != want {
			t.Errorf("%#x maps to %v, want %v", va, table, want)
		}
	}
}

func TestPVH(t *testing.T) {
	m := newGuest(t, 3<<30+memory.PageSize)
	initrd := []byte("the initrd")
	p := Platform{CmdLine: "hello", ACPI: true, Initrd: &Initrd{R: bytes.NewReader(initrd), Size: int64(len(initrd))}}
	e, err := bootImage(m, pvhKernel(1<<20+2), Options{}, p)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Entry{Mode: Protected, IP: 1<<20 + 2, Arg: memory.PVHStartInfo}); e != want {
		t.Errorf("entry %+v, want %+v", e, want)
	}
	le := binary.LittleEndian
	info := bytesAt(t, m, e.Arg, startInfoLen)
	if le.Uint32(info) != startInfoMagic || le.Uint32(info[4:]) != 1 || le.Uint32(info[0xc:]) != 1 ||
		memory.Addr(le.Uint64(info[0x20:])) != memory.RSDP {
		t.Errorf("start info % x", info)
	}
	if got := bytesAt(t, m, memory.Addr(le.Uint64(info[0x18:])), 6); string(got) != "hello\x00" {
		t.Errorf("command line %q", got)
	}
	mod := bytesAt(t, m, memory.Addr(le.Uint64(info[0x10:])), moduleLen)
	if got := bytesAt(t, m, memory.Addr(le.Uint64(mod)), le.Uint64(mod[8:])); !bytes.Equal(got, initrd) {
		t.Errorf("module %q", got)
	}
	list := bytesAt(t, m, memory.Addr(le.Uint64(info[0x28:])), uint64(le.Uint32(info[0x30:]))*memMapEntryLen)
	for i, want := range memoryMap(m) {
		e := list[i*memMapEntryLen:]
		got := memRange{memory.Addr(le.Uint64(e)), memory.Addr(le.Uint64(e) + le.Uint64(e[8:])), memType(le.Uint32(e[16:]))}
		if got != want {
			t.Errorf("range %d: %+v, want %+v", i, got, want)
		}
	}
}

// TestPVHWithoutInitrd: then there is no module.
func TestPVHWithoutInitrd(t *testing.T) {
	m := newGuest(t, 2<<20)
	e, err := bootImage(m, pvhKernel(1<<20), Options{}, Platform{})
	if err != nil {
		t.Fatal(err)
	}
	info := bytesAt(t, m, e.Arg, startInfoLen)
	if n, at := binary.LittleEndian.Uint32(info[0xc:]), binary.LittleEndian.Uint64(info[0x10:]); n != 0 || at != 0 {
		t.Errorf("%d modules at %#x", n, at)
	}
}

func TestPVHChoice(t *testing.T) {
	linux := append(buildNote(noteNameLinux, 0x101, make([]byte, 4)),
		buildNote(noteNameXen, xenPhys32Entry, []byte{0, 0, 0x10, 0})...)
	both := buildELF(1<<20, testSegment{kind: elfPTLoad, paddr: 1 << 20, data: []byte{0xf4}},
		testSegment{kind: elfPTNote, data: linux, align: 4})
	for _, c := range []struct {
		name     string
		image    []byte
		protocol Protocol
		want     Mode
	}{
		{"Linux by itself", both, ProtocolAuto, Long},
		{"Linux by PVH", both, ProtocolPVH, Protected},
		{"another system by itself", pvhKernel(1 << 20), ProtocolAuto, Protected},
		{"another system in 64-bit mode", pvhKernel(1 << 20), ProtocolLinux, Long},
		{"32 bits", pvhKernel32(1 << 20), ProtocolAuto, Protected},
		{"32 bits, said to be for x86-64", buildELF32(elfAMD64, 0, pvhSegments(1<<20)...), ProtocolPVH, Protected},
		{"32 bits with Linux's note", buildELF32(elf386, 1<<20, testSegment{kind: elfPTLoad, paddr: 1 << 20, data: []byte{0xf4}},
			testSegment{kind: elfPTNote, data: linux, align: 4}), ProtocolAuto, Protected},
	} {
		e, err := bootImage(newGuest(t, 2<<20), c.image, Options{Protocol: c.protocol}, Platform{})
		if err != nil || e.Mode != c.want {
			t.Errorf("%s: mode %d, %v", c.name, e.Mode, err)
		}
	}
}

func TestPVHErrors(t *testing.T) {
	_, err := detect(testKernel(), Options{Protocol: ProtocolPVH})
	wantImageError(t, err, "has no PVH entry point")
	_, err = bootImage(newGuest(t, 2<<20), pvhKernel(0x5000), Options{}, Platform{})
	wantImageError(t, err, "its PVH entry point 0x5000")
	big := buildELF(1<<20, testSegment{kind: elfPTLoad, paddr: 1 << 20, data: []byte{0xf4}},
		testSegment{kind: elfPTNote, data: make([]byte, notesMax+1)})
	_, err = detect(big, Options{})
	wantImageError(t, err, "note segment")
}
