package assist

import (
	"bytes"
	"encoding/binary"
	"testing"

	"terem/kvm"
	"terem/memory"
)

// testLayout has AVX as component 2, and 9, which in a compacted area is aligned.
func testLayout() *xlayout {
	l := &xlayout{}
	l[2] = component{offset: 576, size: 256}
	l[5] = component{offset: 832, size: 8}
	l[9] = component{offset: 2432, size: 64, align: true}
	return l
}

const testXCR0 = componentX87 | componentSSE | componentAVX | 1<<5 | 1<<9

// xsaveFake holds a state in which every component's bytes are its number plus 0x10, all in use but
// component 5.
func xsaveFake(t testing.TB, code string) (*Unit, *fakeCPU, *memory.Guest) {
	u, f, m := newFake(t, unhex(t, code)...)
	u.layout = testLayout()
	f.xcr0 = testXCR0
	fill(f.xsave.Region[:mxcsrOffset], 0x10)
	fill(f.xsave.Region[stOffset:xmmOffset], 0x10)
	fill(f.xsave.Region[xmmOffset:legacyEnd], 0x11)
	for i, c := range u.layout {
		fill(f.xsave.Region[c.offset:][:c.size], byte(0x10+i))
	}
	binary.LittleEndian.PutUint32(f.xsave.Region[mxcsrOffset:], 0x1fa0)
	binary.LittleEndian.PutUint64(f.xsave.Region[xstateBV:], testXCR0&^(1<<5))
	f.regs.RAX, f.regs.RDI = 0xffff_ffff, fakeData
	return u, f, m
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}

// TestXSaveRestores saves with each instruction, changes all registers, and restores.
func TestXSaveRestores(t *testing.T) {
	for _, c := range []struct {
		name, code string
		bv, comp   uint64
		avx, nine  int // where their bytes lie
	}{
		{"XSAVE", "0fae27" + "0fae2f", testXCR0 &^ (1 << 5), 0, 576, 2432},
		{"XSAVEOPT", "0fae37" + "0fae2f", testXCR0 &^ (1 << 5), 0, 576, 2432},
		{"XSAVEC", "0fc727" + "0fae2f", testXCR0 &^ (1 << 5), testXCR0 | compacted, 576, 896},
		{"XSAVES", "0fc72f" + "0fc71f", testXCR0 &^ (1 << 5), testXCR0 | compacted, 576, 896},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, f, m := xsaveFake(t, c.code)
			saved := f.xsave
			check(t, u.finish(f, kvm.InternalEmulation, nil))
			area, err := m.Slice(fakeData, maxArea)
			check(t, err)
			bv, comp := binary.LittleEndian.Uint64(area[xstateBV:]), binary.LittleEndian.Uint64(area[xcompBV:])
			if bv != c.bv || comp != c.comp || area[c.avx] != 0x12 || area[c.nine] != 0x19 {
				t.Errorf("XSTATE_BV %#x, XCOMP_BV %#x, AVX %#x, 9 %#x", bv, comp, area[c.avx], area[c.nine])
			}
			fill(f.xsave.Region[:], 0)
			binary.LittleEndian.PutUint32(f.xsave.Region[mxcsrOffset:], initialMXCSR)
			check(t, u.finish(f, kvm.InternalEmulation, nil))
			if f.raised() != "" {
				t.Fatalf("restoring raised %s", f.raised())
			}
			clear(saved.Region[832:840]) // component 5 was not in use
			clear(f.xsave.Region[832:840])
			if !bytes.Equal(f.xsave.Region[:], saved.Region[:]) {
				t.Error("the state differs after save and restore")
			}
		})
	}
}

// TestXRSTORInitialises restores an empty area: every component asked for gets its initial state.
func TestXRSTORInitialises(t *testing.T) {
	u, f, m := xsaveFake(t, "0fae2f")
	f.regs.RAX = componentX87 | componentSSE
	check(t, m.Store32(fakeData+mxcsrOffset, 0x1f00))
	check(t, u.finish(f, kvm.InternalEmulation, nil))
	r := f.xsave.Region[:]
	if fcw := binary.LittleEndian.Uint16(r); fcw != initialFCW || r[stOffset] != 0 || r[xmmOffset] != 0 {
		t.Errorf("FCW %#x, ST0 %#x, XMM0 %#x", fcw, r[stOffset], r[xmmOffset])
	}
	if mxcsr := binary.LittleEndian.Uint32(r[mxcsrOffset:]); mxcsr != 0x1f00 {
		t.Errorf("MXCSR %#x: the standard format takes it from the area", mxcsr)
	}
	if r[576] != 0x12 {
		t.Error("AVX was not asked for and changed")
	}
}

// TestXSaveLeavesOthers shows that XSAVE keeps what was not asked for.
func TestXSaveLeavesOthers(t *testing.T) {
	u, f, m := xsaveFake(t, "0fae27")
	f.regs.RAX = componentSSE
	check(t, m.Store64(fakeData+xstateBV, componentX87|1<<9))
	check(t, m.Store8(fakeData, 0x77))
	check(t, u.finish(f, kvm.InternalEmulation, nil))
	bv, _ := m.Load64(fakeData + xstateBV)
	x87, _ := m.Load8(fakeData)
	sse, _ := m.Load8(fakeData + xmmOffset)
	avx, _ := m.Load8(fakeData + 576)
	if bv != componentX87|componentSSE|1<<9 || x87 != 0x77 || sse != 0x11 || avx != 0 {
		t.Errorf("XSTATE_BV %#x, x87 %#x, SSE %#x, AVX %#x", bv, x87, sse, avx)
	}
}

// TestXRSTORRefuses gives headers that hardware answers with #GP.
func TestXRSTORRefuses(t *testing.T) {
	for name, header := range map[string][]byte{
		"component outside XCR0":            put64(xstateBV, 1<<20),
		"compacted, outside XCR0":           put64(xcompBV, compacted|1<<20),
		"compacted, in use but not there":   append(put64(xstateBV, 4), put64(xcompBV, compacted)...),
		"XCOMP_BV in the standard format":   put64(xcompBV, 1),
		"reserved bytes":                    put64(headerRest, 1),
		"reserved bytes, compacted":         append(put64(xcompBV, compacted), put64(headerRest+8, 1)...),
		"MXCSR with a bit that is reserved": put64(mxcsrOffset, 1<<16),
	} {
		t.Run(name, func(t *testing.T) {
			u, f, m := xsaveFake(t, "0fae2f")
			for ; len(header) > 0; header = header[16:] {
				at := memory.Addr(binary.LittleEndian.Uint64(header))
				check(t, m.Store64(fakeData+at, binary.LittleEndian.Uint64(header[8:])))
			}
			before := f.xsave
			check(t, u.finish(f, kvm.InternalEmulation, nil))
			if f.raised() != "13(0x0)" || f.xsave != before {
				t.Errorf("raised %q", f.raised())
			}
		})
	}
}

// put64 is an offset and what to store there.
func put64(off, v uint64) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, off), v)
}

func TestXSaveTooBig(t *testing.T) {
	u, f, _ := xsaveFake(t, "0fae27")
	u.layout[18] = component{offset: 2752, size: 8192}
	f.xcr0 |= 1 << 18
	if err := u.finish(f, kvm.InternalEmulation, nil); err == nil {
		t.Error("a component of 8 KiB was stored")
	}
}

// TestHostLayout asks the host's own CPU: AVX, where there is one, follows the header everywhere.
func TestHostLayout(t *testing.T) {
	l := hostLayout()
	if c := l[2]; c.size != 0 && (c.size != 256 || c.offset != extended) {
		t.Errorf("AVX is %+v", c)
	}
}
