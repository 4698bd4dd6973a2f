package machine

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"terem/kvm"
	"terem/vcpu"
	"terem/vcpu/gdb"
)

// Debugger is a machine as gdb sees it (gdb.Target). The machine waits for its first Resume.
//
// While vCPUs run, gdb's breakpoints are in the processors' debug registers, or are INT3 instructions in RAM. When they stand, RAM is as
// the guest knows it.
type Debugger struct {
	m     *Machine
	wake  chan struct{}
	quiet bool // KVM can keep interrupts from a vCPU that steps

	points  []gdb.Breakpoint // as gdb has set them
	slots   [kvm.DebugSlots]*gdb.Breakpoint
	patches []patch
	last    gdb.Stop
	going   bool // between Resume and Halt

	mu    sync.Mutex
	hits  []gdb.Stop // of vCPUs that hold, in their order; guarded by mu
	steps []bool     // vCPU i does one step; set while it stands
}

// patch is an INT3 in the place of a guest's byte.
type patch struct {
	at   *gdb.Breakpoint
	byte []byte // of RAM
	was  byte
}

const int3 = 0xcc

// Debugger is the machine's, if Config.Debug was set.
func (m *Machine) Debugger() *Debugger { return m.debugger }

// newDebugger has all vCPUs wait.
func (m *Machine) newDebugger() error {
	flags, err := m.sys.Check(kvm.CapSetGuestDebug2)
	if err != nil {
		return err
	}
	m.debugger = &Debugger{m: m, wake: make(chan struct{}, 1), quiet: flags&kvm.BlocksIRQ != 0, steps: make([]bool, m.conf.CPUs)}
	m.stays = slices.Repeat([]bool{true}, m.conf.CPUs)
	return nil
}

// Stopped is for the vCPU's thread (vcpu.Debugger).
func (d *Debugger) Stopped(id int, c *kvm.VCPU) (vcpu.Answer, error) {
	x := c.Debug()
	s, mine := d.judge(id, x)
	switch {
	case mine:
		d.mu.Lock()
		d.hits = append(d.hits, s)
		d.mu.Unlock()
		select {
		case d.wake <- struct{}{}:
		default: // one is enough
		}
		return vcpu.Hold, nil
	case x.Exception == vectorBP:
		return vcpu.GoOn, c.InjectBreakpoint()
	case d.m.soft:
		return vcpu.Pass, nil
	}
	return vcpu.GoOn, c.InjectDebug(x.DR6)
}

// vectorBP is the exception of INT3.
const vectorBP = 3

// judge says whether an exit is of the debugger's making, and of what.
func (d *Debugger) judge(id int, x kvm.DebugExit) (s gdb.Stop, mine bool) {
	s = gdb.Stop{Why: gdb.Hit, CPU: id}
	if x.Exception == vectorBP {
		for _, p := range d.patches {
			if p.at.Addr == x.PC {
				s.At = *p.at
				return s, true
			}
		}
		return s, false
	}
	for i, p := range d.slots {
		if p != nil && x.DR6>>i&1 != 0 {
			s.At = *p
			return s, true
		}
	}
	const singleStep = 1 << 14 // DR6.BS
	s.Why = gdb.Stepped
	return s, d.steps[id] && x.DR6&singleStep != 0
}

// CPUs is how many vCPUs there are.
func (d *Debugger) CPUs() int { return len(d.m.cpus) }

// Wake has a token once a vCPU holds.
func (d *Debugger) Wake() <-chan struct{} { return d.wake }

// Done is closed when the machine has ended.
func (d *Debugger) Done() <-chan struct{} { return d.m.Done() }

// Status is the exit status of a machine that has ended, as far as the guest says one.
func (d *Debugger) Status() uint8 { return d.m.Wait().Status }

// Kill ends the machine.
func (d *Debugger) Kill() { d.m.Kill() }

// Halt stops all vCPUs, and takes INT3s out of RAM. The first that holds is the reason. Others that hold at an instruction execute it
// again later; what they held for otherwise is the next stop.
func (d *Debugger) Halt() (gdb.Stop, error) {
	if !d.going {
		return d.last, nil
	}
	if err := d.m.freeze(); err != nil {
		return gdb.Stop{}, err
	}
	for _, p := range d.patches {
		p.byte[0] = p.was
	}
	d.patches, d.going = nil, false
	select {
	case <-d.wake:
	default:
	}
	d.last = gdb.Stop{CPU: d.last.CPU}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.hits) > 0 {
		d.last = d.hits[0]
		d.hits = slices.DeleteFunc(d.hits[1:], func(s gdb.Stop) bool {
			return s.Why != gdb.Hit || s.At.Kind == gdb.Software || s.At.Kind == gdb.Hardware
		})
	}
	return d.last, nil
}

// SetBreakpoints takes the place of all that were there.
func (d *Debugger) SetBreakpoints(cpu int, list []gdb.Breakpoint) error {
	points := slices.Clone(list)
	if _, err := d.place(cpu, points); err != nil {
		return err
	}
	d.points = points
	return nil
}

// place finds a debug register for what needs one: what is watched, hardware breakpoints, and software breakpoints where no RAM is
// mapped yet, as all of a kernel's addresses before it has made its page tables. Others get one that is left, and else an INT3; but where
// KVM interprets the guest's kernel, which does not leave for an INT3, there is none.
func (d *Debugger) place(cpu int, list []gdb.Breakpoint) (slots [kvm.DebugSlots]*gdb.Breakpoint, err error) {
	var must, may []*gdb.Breakpoint
	for i := range list {
		p := &list[i]
		if !watchable(p) {
			return slots, fmt.Errorf("watch %d bytes at %#x: no debug register can", p.Len, p.Addr)
		}
		if p.Kind == gdb.Software && !d.m.interprets && d.mapped(cpu, p.Addr) {
			may = append(may, p)
			continue
		}
		must = append(must, p)
	}
	free := slots[:]
	if d.m.soft {
		free = slots[1:] // the first is the assistant's
	}
	if len(must) > len(free) {
		return slots, fmt.Errorf("%d breakpoints that need a debug register: there are %d", len(must), len(free))
	}
	copy(free, slices.Concat(must, may))
	return slots, nil
}

// watchable says whether a debug register can hold a breakpoint (Intel SDM vol. 3, section 18.2.5).
func watchable(p *gdb.Breakpoint) bool {
	switch p.Len {
	case 1, 2, 4, 8:
		return p.Addr%uint64(p.Len) == 0
	}
	return false
}

// Resume lets vCPUs run. If one still has something to say, that comes first.
func (d *Debugger) Resume(what []gdb.Action) error {
	if d.late() {
		d.going = true
		d.wake <- struct{}{} // Halt has left no token there
		return nil
	}
	slots, err := d.place(d.last.CPU, d.points)
	if err != nil {
		return err
	}
	d.slots, d.going = slots, true
	d.patch()
	for i, r := range d.m.cpus {
		d.steps[i] = what[i] == gdb.Step
		if err := errors.Join(r.Do(d.arm(i)), r.Release()); err != nil {
			return err
		}
	}
	return d.m.thaw(func(i int) bool { return what[i] == gdb.Stay })
}

func (d *Debugger) late() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.hits) > 0
}

// arm tells KVM what the vCPU is to stop for. At a hardware breakpoint that is reported already, the resume flag takes it past that.
func (d *Debugger) arm(i int) func(*kvm.VCPU) error {
	return func(c *kvm.VCPU) error {
		w := kvm.Watched{Step: d.steps[i], Quiet: d.quiet, Software: len(d.patches) > 0}
		regs, err := c.Regs()
		if err != nil {
			return err
		}
		past := false
		for n, p := range d.slots {
			if p == nil {
				continue
			}
			w.Slots[n] = kvm.Watchpoint{Addr: p.Addr, Len: p.Len, Access: accessOf(p.Kind)}
			past = past || p.Addr == regs.RIP && accessOf(p.Kind) == kvm.Executes
		}
		if past && !d.m.soft && d.last.CPU == i {
			const resumeFlag = 1 << 16
			regs.RFLAGS |= resumeFlag
			if err := c.SetRegs(regs); err != nil {
				return err
			}
		}
		return c.Watch(w)
	}
}

func accessOf(k gdb.Kind) kvm.Access {
	switch k {
	case gdb.Write:
		return kvm.Writes
	case gdb.Access:
		return kvm.Touches
	}
	return kvm.Executes
}

// patch puts INT3s where breakpoints have no debug register. RAM that is mapped no more has none.
func (d *Debugger) patch() {
	for i := range d.points {
		p := &d.points[i]
		if slices.Contains(d.slots[:], p) {
			continue
		}
		if b, err := d.bytes(d.last.CPU, p.Addr, 1); err == nil {
			d.patches = append(d.patches, patch{p, b, b[0]})
			b[0] = int3
		}
	}
}
