package machine

import (
	"errors"
	"slices"
	"sync"

	"terem/kvm"
	"terem/vcpu"
	"terem/vcpu/gdb"
)

// Debugger is a machine as gdb sees it (gdb.Target). The machine waits for its first Resume.
//
// While vCPUs run, gdb's breakpoints are in the processors' debug registers, or are INT3 instructions in RAM. When they stand, for gdb or
// for who saves the machine, RAM is as the guest knows it.
type Debugger struct {
	m     *Machine
	wake  chan struct{}
	quiet bool // KVM can keep interrupts from a vCPU that steps

	points  []gdb.Breakpoint // as gdb has set them
	slots   slots
	traps   traps
	waiting []gdb.Breakpoint // that are in neither
	last    gdb.Stop
	going   bool // between Resume and Halt

	mu    sync.Mutex
	hits  []gdb.Stop // of vCPUs that hold, in their order; guarded by mu
	steps []bool     // vCPU i does one step; set while it stands
}

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
		p := d.traps.find(x.PC)
		if p != nil {
			s.At = *p
		}
		return s, p != nil
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
	d.going = false
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

// Resume lets vCPUs run. If one still has something to say, that comes first. If not all can run, none does.
func (d *Debugger) Resume(what []gdb.Action) error {
	if d.late() {
		d.going = true
		d.wake <- struct{}{} // Halt has left no token there
		return nil
	}
	slots, rest, err := d.place(d.points, func(addr uint64) bool { return d.mapped(d.last.CPU, addr) })
	if err != nil {
		return err
	}
	d.slots, d.going = slots, true
	for i := range d.steps {
		d.steps[i] = what[i] == gdb.Step
	}
	err = d.m.thaw(func() error { return d.ready(rest) }, func(i int) bool { return what[i] == gdb.Stay })
	if err != nil {
		_, bad := d.Halt() // it takes the INT3s out
		err = errors.Join(err, bad)
	}
	return err
}

// ready sets the breakpoints. It is called with the machine's state locked.
func (d *Debugger) ready(rest []*gdb.Breakpoint) error {
	d.trap(rest)
	for i, r := range d.m.cpus {
		if err := errors.Join(r.Do(d.arm(i)), r.Release()); err != nil {
			return err
		}
	}
	return nil
}

func (d *Debugger) late() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.hits) > 0
}

// arm tells KVM what the vCPU is to stop for. At a hardware breakpoint that is reported already, the resume flag takes it past that.
func (d *Debugger) arm(i int) func(*kvm.VCPU) error {
	return func(c *kvm.VCPU) error {
		w := kvm.Watched{Step: d.steps[i], Quiet: d.quiet, Software: len(d.traps) > 0}
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
