package machine

import (
	"errors"
	"fmt"

	"terem/kvm"
	"terem/memory"
	"terem/vcpu/gdb"
)

// fxArea is what of an XSAVE area FXSAVE stores; xstateBV says which parts of the area count (Intel SDM vol. 1, section 13.4).
const (
	fxArea   = 512
	xstateBV = 512
	x87SSE   = 3
)

// Registers reads a vCPU's registers.
func (d *Debugger) Registers(cpu int) (r gdb.Registers, err error) {
	err = d.m.cpus[cpu].Do(func(c *kvm.VCPU) (err error) {
		if r.Regs, err = c.Regs(); err != nil {
			return err
		}
		if r.Sregs, err = c.Sregs(); err != nil {
			return err
		}
		var x kvm.XSave
		if err := c.XSave(&x); err != nil {
			return err
		}
		copy(r.FX[:], x.Region[:fxArea])
		return nil
	})
	return r, err
}

// SetRegisters writes what gdb can change of them.
func (d *Debugger) SetRegisters(cpu int, r *gdb.Registers) error {
	return d.m.cpus[cpu].Do(func(c *kvm.VCPU) error {
		s, err := c.Sregs()
		if err != nil {
			return err
		}
		if s.FS.Base != r.FS.Base || s.GS.Base != r.GS.Base {
			s.FS.Base, s.GS.Base = r.FS.Base, r.GS.Base
			if err := c.SetSregs(s); err != nil {
				return err
			}
		}
		var x kvm.XSave
		if err := c.XSave(&x); err != nil {
			return err
		}
		if [fxArea]byte(x.Region[:fxArea]) != r.FX {
			copy(x.Region[:], r.FX[:])
			x.Region[xstateBV] |= x87SSE
			if err := c.SetXSave(&x); err != nil {
				return err
			}
		}
		return c.SetRegs(r.Regs)
	})
}

// About says what a vCPU does.
func (d *Debugger) About(cpu int) string {
	does := ""
	_ = d.m.cpus[cpu].Do(func(c *kvm.VCPU) error { // what cannot be read is not said
		state, err := c.MPState()
		switch {
		case err != nil:
		case state == kvm.MPHalted:
			does = ", halted"
		case state == kvm.MPUninitialized || state == kvm.MPInitReceived:
			does = ", not started"
		}
		return err
	})
	return fmt.Sprintf("vCPU %d%s", cpu, does)
}

var errNotMapped = errors.New("the guest has no RAM there")

// bytes are n bytes of RAM at a guest-virtual address, within a page.
func (d *Debugger) bytes(cpu int, addr, n uint64) (b []byte, err error) {
	err = d.m.cpus[cpu].Do(func(c *kvm.VCPU) error {
		s, err := c.Sregs()
		if err != nil {
			return err
		}
		if !canonical(&s, addr) {
			return errNotMapped
		}
		at, ok, err := c.Translate(addr)
		if err != nil {
			return err
		}
		if !ok {
			return errNotMapped
		}
		b, err = d.m.ram.Slice(memory.Addr(at), n)
		return err
	})
	return b, err
}

func (d *Debugger) mapped(cpu int, addr uint64) bool {
	_, err := d.bytes(cpu, addr, 1)
	return err == nil
}

// canonical says whether there can be such an address: KVM looks only at the bits that it needs.
func canonical(s *kvm.Sregs, addr uint64) bool {
	const longMode, la57 = 1 << 10, 1 << 12 // of EFER and of CR4
	unused := 16
	switch {
	case s.EFER&longMode == 0:
		return addr>>32 == 0
	case s.CR4&la57 != 0:
		unused = 7
	}
	return uint64(int64(addr<<unused)>>unused) == addr
}

// pages calls f for what is in each page of a range, until it fails.
func (d *Debugger) pages(cpu int, addr uint64, p []byte, f func(ram, part []byte)) (done int, err error) {
	for done < len(p) {
		at := addr + uint64(done)
		n := min(uint64(len(p)-done), memory.PageSize-at%memory.PageSize)
		ram, err := d.bytes(cpu, at, n)
		if err != nil {
			return done, err
		}
		f(ram, p[done:done+int(n)])
		done += int(n)
	}
	return done, nil
}

// Read reads guest-virtual memory, as far as there is some. It waits, as Write does, for who saves the machine or closes it.
func (d *Debugger) Read(cpu int, addr uint64, p []byte) (int, error) {
	d.m.state.Lock()
	defer d.m.state.Unlock()
	n, err := d.pages(cpu, addr, p, func(ram, part []byte) { copy(part, ram) })
	if n > 0 {
		err = nil
	}
	return n, err
}

// Write writes all of p, or nothing. It asks for no right to write, as gdb expects.
func (d *Debugger) Write(cpu int, addr uint64, p []byte) error {
	d.m.state.Lock()
	defer d.m.state.Unlock()
	if _, err := d.pages(cpu, addr, p, func(_, _ []byte) {}); err != nil {
		return err
	}
	_, err := d.pages(cpu, addr, p, func(ram, part []byte) { copy(ram, part) })
	return err
}
