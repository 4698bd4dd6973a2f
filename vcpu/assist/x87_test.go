package assist

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"terem/kvm"
)

func TestExtendedReal(t *testing.T) {
	for _, v := range []int32{0, 1, -1, 2, 3, -12345678, math.MaxInt32, math.MinInt32} {
		s, e := extendedReal(v)
		f := math.Ldexp(float64(s), int(e&0x7fff)-16383-63)
		if e>>15 != 0 {
			f = -f
		}
		if f != float64(v) || s != 0 && s>>63 != 1 {
			t.Errorf("%d became %v, %#x %#x", v, f, s, e)
		}
	}
}

func TestFILD(t *testing.T) {
	u, f, m := newFake(t, unhex(t, "db07 db07")...) // fild dword [rdi], twice
	check(t, m.Store32(fakeData, 3))
	f.regs.RDI = fakeData
	for range 2 {
		check(t, u.finish(f, kvm.InternalEmulation, nil))
	}
	r := f.xsave.Region[:]
	if fsw := binary.LittleEndian.Uint16(r[fswOffset:]); fsw>>fswTop != 6 || r[ftwOffset] != 0xc0 {
		t.Errorf("FSW %#x, tags %#x", fsw, r[ftwOffset])
	}
	for i := range 2 {
		st := r[stOffset+i*stackSize:]
		if binary.LittleEndian.Uint64(st) != 3<<62 || binary.LittleEndian.Uint16(st[8:]) != 16384 {
			t.Errorf("ST(%d) % x", i, st[:10])
		}
	}
}

func TestFXSAVE(t *testing.T) {
	u, f, m := newFake(t, unhex(t, "0fae07 0fae4f10 480fae07")...) // fxsave [rdi]; fxrstor [rdi+16]; fxsave64 [rdi]
	area, err := m.Slice(fakeData, 1024)
	check(t, err)
	for i := range area {
		area[i] = byte(i * 3)
	}
	binary.LittleEndian.PutUint32(area[mxcsrOffset+16:], 0x1fa0)
	f.regs.RDI = fakeData
	in := bytes.Clone(area)
	f.xsave.Region[0], f.xsave.Region[stOffset], f.xsave.Region[legacyEnd-1] = 0x7f, 0x11, 0x22
	want := bytes.Clone(f.xsave.Region[:legacyEnd])
	check(t, u.finish(f, kvm.InternalEmulation, nil))
	if !bytes.Equal(area[:legacyEnd], want) || !bytes.Equal(area[legacyEnd:], in[legacyEnd:]) {
		t.Error("FXSAVE stored something else")
	}
	copy(area, in)
	check(t, u.finish(f, kvm.InternalEmulation, nil))
	got := f.xsave.Region[:]
	if !bytes.Equal(got[:mxcsrOffset+4], in[16:][:mxcsrOffset+4]) || !bytes.Equal(got[stOffset:legacyEnd], in[16+stOffset:][:legacyEnd-stOffset]) {
		t.Error("FXRSTOR loaded something else")
	}
	area[mxcsrOffset+18] = 1 // a bit of MXCSR that does not exist
	f.regs.RIP -= 4
	check(t, u.finish(f, kvm.InternalEmulation, nil))
	if f.raised() != "13(0x0)" {
		t.Errorf("raised %q", f.raised())
	}
}
