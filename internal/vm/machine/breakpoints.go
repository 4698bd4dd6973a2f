package machine

import (
	"fmt"
	"slices"

	"terem/kvm"
	"terem/vcpu/gdb"
)

type slots [kvm.DebugSlots]*gdb.Breakpoint

// place finds a debug register for what needs one: what is watched, and hardware breakpoints. What is left goes to software breakpoints: first to
// those where no RAM is mapped yet, as all of a kernel's addresses before it has made its page tables. The rest are INT3s, where there is RAM.
// But where KVM interprets the guest's kernel, which does not leave for an INT3, there is none.
func (d *Debugger) place(list []gdb.Breakpoint, mapped func(addr uint64) bool) (s slots, rest []*gdb.Breakpoint, err error) {
	var must, early, may []*gdb.Breakpoint
	for i := range list {
		p := &list[i]
		switch {
		case !watchable(p):
			return s, nil, fmt.Errorf("watch %d bytes at %#x: no debug register can", p.Len, p.Addr)
		case p.Kind != gdb.Software || d.m.interprets:
			must = append(must, p)
		case mapped(p.Addr):
			may = append(may, p)
		default:
			early = append(early, p)
		}
	}
	free := s[:]
	if d.m.soft {
		free = s[1:] // the first is the assistant's
	}
	if len(must) > len(free) {
		return s, nil, fmt.Errorf("%d breakpoints that need a debug register: there are %d", len(must), len(free))
	}
	all := slices.Concat(must, early, may)
	return s, all[copy(free, all):], nil
}

// watchable says whether a debug register can hold a breakpoint (Intel SDM vol. 3, section 18.2.5).
func watchable(p *gdb.Breakpoint) bool {
	switch p.Len {
	case 1, 2, 4, 8:
		return p.Addr%uint64(p.Len) == 0
	}
	return false
}

// SetBreakpoints takes the place of all that were there. What a vCPU has come to and gdb has not heard of is forgotten with its breakpoint.
func (d *Debugger) SetBreakpoints(cpu int, list []gdb.Breakpoint) error {
	points := slices.Clone(list)
	if _, _, err := d.place(points, func(addr uint64) bool { return d.mapped(cpu, addr) }); err != nil {
		return err
	}
	d.points = points
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hits = slices.DeleteFunc(d.hits, func(s gdb.Stop) bool { return s.Why == gdb.Hit && !slices.Contains(points, s.At) })
	return nil
}

// Waiting are the breakpoints that were found no place at the last Resume.
func (d *Debugger) Waiting() []gdb.Breakpoint { return d.waiting }

// trap makes traps of breakpoints, where the guest has RAM. All vCPUs stand.
func (d *Debugger) trap(rest []*gdb.Breakpoint) {
	d.traps, d.waiting = nil, nil
	for _, p := range rest {
		b, err := d.bytes(d.last.CPU, p.Addr, 1)
		if err != nil {
			d.waiting = append(d.waiting, *p)
			continue
		}
		d.traps = append(d.traps, trap{at: p, byte: b})
	}
	d.traps.put()
}
