package assist

import (
	"encoding/binary"
	"errors"
	"testing"

	"terem/kvm"
	"terem/memory"
)

// FuzzInternal executes any bytes with any registers. The guest may end in an exception or an
// Unfinished; the host may not panic, and RAM has guard pages on both sides.
func FuzzInternal(f *testing.F) {
	for _, code := range []string{
		"cc", "9b", "0f01ca", "0f01d0", "f3480fb8c1", "65f34f0fb844ec10", "480fc70f", "0fae27", "0fae2f",
		"0fc727", "0fc71f", "660f388207", "660f38f80f", "f3480faed1", "0fae5704",
		"c4e2e1f7c1", "c4e3fbf0c10d", "c5f5efd0", "0f02c1", "0f03c1", "0f0107", "f20f38f0c5", "cd80", "66480f38f6c1", "0f", "f3", "67c0",
	} {
		f.Add(unhex(f, code), []byte{0, 0x20, 1}, uint64(0), byte(0))
	}
	m, err := memory.New(fakeRAM)
	check(f, err)
	f.Cleanup(func() { check(f, m.Close()) })
	f.Fuzz(func(t *testing.T, code, regs []byte, cr3 uint64, mode byte) {
		mapFake(t, m)
		check(t, m.Write(fakeCode, code[:min(len(code), memory.PageSize)]))
		c := &fakeCPU{}
		c.reset()
		setAny(c, regs)
		c.sregs.CR3 ^= cr3
		if mode&1 != 0 {
			c.sregs.CS, c.sregs.SS = codeSegment(0x33, 3), dataSegment(0x2b, 3)
		}
		if mode&2 != 0 {
			c.sregs.CR4 |= cr4LA57
		}
		copy(c.xsave.Region[:], code)
		u := New(m)
		u.layout = testLayout()
		before := c.regs
		err := u.finish(c, kvm.InternalEmulation, code[:min(len(code), maxInsn)])
		var e *Unfinished
		if err != nil && (mode&1 != 0 || !errors.As(err, &e)) {
			t.Fatalf("error %v, CPL %d", err, cpl(&c.sregs))
		}
		if err != nil && c.regs != before {
			t.Fatal("an unfinished instruction changed registers")
		}
	})
}

// FuzzDebug lets the guest choose its IDT, stack, handler and registers.
func FuzzDebug(f *testing.F) {
	f.Add([]byte{0xf3, 0x0f, 0x1e, 0xfa}, []byte{1}, uint64(fakeIDT), uint64(fakeStack), uint64(fakeLSTAR))
	f.Add([]byte{0x6a, 0xff}, []byte{}, uint64(pageAbsent-100), uint64(pageAbsent-8), uint64(1)<<63)
	m, err := memory.New(fakeRAM)
	check(f, err)
	f.Cleanup(func() { check(f, m.Close()) })
	f.Fuzz(func(t *testing.T, code, regs []byte, idt, stack, lstar uint64) {
		mapFake(t, m)
		check(t, m.Write(fakeHandler, code[:min(len(code), memory.PageSize)]))
		c := &fakeCPU{}
		c.reset()
		setAny(c, regs)
		c.regs.RIP, c.regs.RSP, c.sregs.IDT.Base = fakeHandler, stack, idt
		c.sregs.CR2 = lstar
		u := New(m)
		check(t, u.arm(c))
		check(t, u.writeMSR(c, kvm.MSRLSTAR, lstar))
		if len(code)%2 == 1 { // a program that got itself there
			c.sregs.CS, c.sregs.SS = codeSegment(0x33, 3), dataSegment(0x2b, 3)
		}
		user, flags := cpl(&c.sregs) == 3, c.regs.RFLAGS
		var e *Unfinished
		if err := u.debug(c, 0); err != nil && (user || !errors.As(err, &e)) {
			t.Fatalf("error %v", err)
		}
		if user && (cpl(&c.sregs) != 3 || c.regs.RFLAGS != flags) {
			t.Fatalf("a program changed its level or flags: %v", c)
		}
		if c.sregs.CS.DPL == 0 && c.dirtySregs && c.regs.RIP != lstar {
			t.Fatalf("kernel mode at %#x", c.regs.RIP)
		}
	})
}

// setAny fills the general registers, 8 bytes each, with what b gives. Addresses near the guest's
// data are made likely.
func setAny(c *fakeCPU, b []byte) {
	for i := 0; i < 16 && len(b) > 0; i++ {
		var v [8]byte
		b = b[copy(v[:], b):]
		x := binary.LittleEndian.Uint64(v[:])
		if x>>56 == 0 {
			x &= 0x3f_ffff
		}
		*register(&c.regs, i) = x
	}
}
