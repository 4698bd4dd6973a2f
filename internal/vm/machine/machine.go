package machine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"terem/boot"
	"terem/devices/virtio/balloon"
	"terem/devices/virtio/net"
	"terem/devices/virtio/vsock"
	"terem/internal/fault"
	"terem/kvm"
	"terem/memory"
	"terem/vcpu"
	"terem/vcpu/assist"
)

// Machine is a virtual machine. Its methods may be called from any goroutine.
type Machine struct {
	conf        Config
	sys         *kvm.System
	ram         *memory.Guest
	vm          *kvm.VM
	board       *board
	virtio      *virtioBus
	disks       int
	shares      int
	balloon     *balloon.Balloon // nil: none
	vsock       *vsock.Device    // nil: none
	net         *net.Device      // nil: none
	cpus        []*vcpu.Runner
	helpers     []*assist.Unit
	ledgers     []*vcpu.Ledger
	console     panicWatch
	relay       *relay                           // nil: the console never waits
	leaves      func() ([]kvm.CPUIDEntry, error) // what KVM offers; fetched while the VM is made
	clock       bool                             // the guest has kvm-clock
	disregarded []string                         // see Disregarded
	interprets  bool                             // KVM interprets guest kernel code
	soft        bool                             // and leaves SYSCALL to us

	state   sync.Mutex // held while vCPUs are paused and resumed
	running bool       // what Pause and Resume have asked for; guarded by state
	stays   []bool     // vCPU i stands for the debugger, whatever they ask for; nil: there is none; guarded by state

	debugger *Debugger

	once    sync.Once
	done    chan struct{} // closed when outcome is set
	outcome Outcome
	listens chan struct{}   // closed when the guest's init takes standard input
	first   sync.Once       // of what init says
	asks    atomic.Int32    // how often it has asked for more input that has not been sent
	asked   chan struct{}   // holds a token if it may have
	mouth   chan struct{}   // holds a token of who speaks to init
	ctx     context.Context // ends when Close begins
	cancel  context.CancelFunc
	workers sync.WaitGroup
	started time.Time
	marks   marks
}

// New builds a machine, its kernel loaded, its vCPUs paused. The caller owes a
// Close.
func New(c Config) (*Machine, error) {
	return build(c, func(m *Machine) []func() error {
		return []func() error{m.conf.validate, m.makeVM, func() error { return m.makeCPUs(m.modelled) }, m.ready}
	})
}

// build makes a machine by steps.
func build(c Config, steps func(*Machine) []func() error) (_ *Machine, err error) {
	m := &Machine{conf: c, done: make(chan struct{}), listens: make(chan struct{}), asked: make(chan struct{}, 1), mouth: make(chan struct{}, 1)}
	m.marks.begin(c.Since)
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.console.out = c.Out
	if out, ok := c.Out.(Output); ok {
		m.relay = &relay{out: out}
		m.console.out = m.relay
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
		}
	}()
	for _, step := range steps(m) {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Machine) makeVM() (err error) {
	if m.sys, err = openKVM(); err != nil {
		if m.ram == nil {
			if worse := hopeless(&m.conf); worse != nil {
				return worse
			}
		}
		return err
	}
	m.leaves = sync.OnceValues(func() ([]kvm.CPUIDEntry, error) {
		leaves, err := offered(m.sys)
		if m.interprets = assist.Interprets(m.sys.Check); m.interprets {
			assist.Hide(leaves)
		}
		return leaves, err
	})
	m.workers.Go(func() { _, _ = m.leaves() }) // it takes as long as all the rest of makeVM
	if err := checkHost(m.sys, &m.conf); err != nil {
		return err
	}
	if m.ram == nil {
		if m.ram, err = memory.New(m.conf.Memory); err != nil {
			return &fault.Error{Class: fault.Host, Thing: "guest memory of " + Bytes(m.conf.Memory), Err: err, Mend: "ask for less " + fault.Field("Memory")}
		}
	}
	if m.virtio, err = newVirtioBus(m.sys, m.conf.virtioDevices()); err != nil {
		return err
	}
	if m.vm, err = createVM(m.sys, m.ram, m.virtio); err != nil {
		return &fault.Error{Class: fault.Host, Thing: "virtual machine", Err: err, Mend: "see `terem doctor`"}
	}
	m.conf.Out = &m.console
	m.board, err = newBoard(m.vm, &m.conf, handlers{
		reset:    m.reset,
		powerOff: func() { m.ended(Outcome{Kind: PoweredOff}) },
		panicked: func() { m.over(Outcome{Kind: Panicked}) },
		listen:   m.heard,
		mark:     m.marks.event,
		exit:     func(s uint8) { m.ended(Outcome{Kind: Exited, Status: s}) },
		failed:   func(err error) { m.over(Outcome{Kind: Broken, Err: err}) },
	})
	if err != nil {
		return err
	}
	return m.attachVirtio()
}

// modelled gives the leaves of vCPU id that this host and the model make.
func (m *Machine) modelled(id int) ([]kvm.CPUIDEntry, error) {
	leaves, err := m.leaves()
	if err != nil {
		return nil, err
	}
	return m.conf.CPU.leaves(leaves, id, m.conf.CPUs), nil
}

// makeCPUs starts every vCPU, paused. KVM gives all but the first the state "wait
// for INIT", which is how an operating system expects to find them.
func (m *Machine) makeCPUs(leaves func(id int) ([]kvm.CPUIDEntry, error)) error {
	if err := m.checkTrace(); err != nil {
		return err
	}
	if m.conf.Debug {
		if err := m.newDebugger(); err != nil {
			return err
		}
	}
	for id := range m.conf.CPUs {
		cpuid, err := leaves(id)
		if err != nil {
			return err
		}
		m.clock = hasBit(cpuid, kvmClock())
		c := vcpu.Config{ID: id, CPUID: cpuid, Ports: &m.board.ports, Memory: &m.board.mem}
		if m.relay != nil {
			c.Brake = m.relay
		}
		if m.debugger != nil {
			c.Debug = m.debugger
		}
		c.Ledger = m.newLedger(id)
		if !m.conf.NoAssist {
			u := assist.New(m.ram)
			m.helpers = append(m.helpers, u)
			c.Assist = u
		}
		r, err := vcpu.Start(m.vm, c)
		if err != nil {
			return &fault.Error{Class: fault.Host, Thing: "virtual CPU", Err: err, Mend: "see `terem doctor`"}
		}
		m.cpus = append(m.cpus, r)
	}
	return nil
}

// ready gives vCPU 0 its start state and prepares the rest for it, all on that vCPU's
// thread: going there and back takes longer than most of what is done there.
func (m *Machine) ready() error {
	var entry boot.Entry
	m.marks.note(markMade)
	err := m.cpus[0].Do(func(c *kvm.VCPU) (err error) {
		if err := errors.Join(m.inspect(c), m.checkCPU(c), m.tellTSC(c)); err != nil {
			return err
		}
		if !m.conf.ACPI {
			m.conf.CmdLine = join(m.virtio.words(), m.conf.CmdLine)
		}
		if entry, err = load(m.ram, &m.conf, m.virtio.list()); err != nil {
			return err
		}
		return enterAt(c, entry)
	})
	if err != nil || !m.soft {
		return err
	}
	return m.armRepair(entry)
}

// inspect finds out what KVM leaves undone here, by trying it. On VT-x and AMD-V
// that is nothing.
func (m *Machine) inspect(c *kvm.VCPU) (err error) {
	if m.conf.NoAssist {
		return nil
	}
	m.soft, err = assist.ProbeSyscall(c, m.ram)
	if m.soft {
		m.conf.CmdLine = join(m.conf.SoftParams, m.conf.CmdLine)
	}
	return err
}

// CmdLine is the whole kernel command line.
func (m *Machine) CmdLine() string { return m.conf.CmdLine }

// Software says that this host's KVM interprets guest kernel code, and that terem
// finishes some of it.
func (m *Machine) Software() bool { return m.soft }

// Start lets the guest run. Call it once.
func (m *Machine) Start() error {
	for _, r := range m.cpus {
		m.workers.Go(func() { m.over(fromVCPU(r.Wait())) })
	}
	m.started = time.Now()
	m.marks.note(markEntered)
	m.workers.Go(m.watchHalt)
	m.virtio.resume() // those of a machine that was restored wait for this
	return m.Resume()
}

// Resume lets every vCPU run.
func (m *Machine) Resume() error {
	m.state.Lock()
	defer m.state.Unlock()
	m.running = true
	return m.goOn()
}

// goOn resumes all vCPUs that stand for nobody. Called with m.state held.
func (m *Machine) goOn() error {
	return m.eachOf(func(i int, r *vcpu.Runner) error {
		if m.stays != nil && m.stays[i] {
			return nil
		}
		return r.Resume()
	})
}

// Pause takes every vCPU out of the guest, until Resume.
func (m *Machine) Pause() error {
	m.state.Lock()
	defer m.state.Unlock()
	m.running = false
	return m.each((*vcpu.Runner).Pause)
}

// each calls f for every vCPU that has not ended, in parallel: on a busy host, one
// may take a while to be heard.
func (m *Machine) each(f func(*vcpu.Runner) error) error {
	return m.eachOf(func(_ int, r *vcpu.Runner) error { return f(r) })
}

func (m *Machine) eachOf(f func(int, *vcpu.Runner) error) error {
	errs := make([]error, len(m.cpus))
	var wg sync.WaitGroup
	for i, r := range m.cpus {
		wg.Go(func() {
			if err := f(i, r); !errors.Is(err, vcpu.ErrEnded) {
				errs[i] = err
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// over ends the machine; the first outcome is the one that counts.
func (m *Machine) over(o Outcome) {
	m.once.Do(func() {
		m.outcome = o
		m.marks.note(markOver)
		close(m.done)
	})
}

// ended is the end that the guest's init wants.
func (m *Machine) ended(o Outcome) {
	m.console.ended.Store(true)
	m.over(o)
}

// reset is a guest's way to end, and a panicked kernel's as well.
func (m *Machine) reset() {
	if m.console.state.seen.Load() {
		m.over(Outcome{Kind: Panicked})
		return
	}
	m.over(Outcome{Kind: WasReset})
}

// Done is closed when the machine has ended.
func (m *Machine) Done() <-chan struct{} { return m.done }

// Wait waits until the machine has ended and says how.
func (m *Machine) Wait() Outcome {
	<-m.done
	return m.outcome
}

// Kill ends the machine as if the plug were pulled.
func (m *Machine) Kill() { m.over(Outcome{Kind: Killed}) }

// Exit ends the machine as its init would, with the status of its command.
func (m *Machine) Exit(status uint8) { m.ended(Outcome{Kind: Exited, Status: status}) }

// Close stops the vCPUs and frees everything. It may be called at any time, once.
func (m *Machine) Close() error {
	m.Kill()
	m.cancel()
	m.state.Lock() // who copies the RAM gives up, and who comes later finds the end
	errs := []error{m.each((*vcpu.Runner).Stop)}
	m.debugger.disarm() // it may still be asked, when there is no RAM any more
	m.state.Unlock()
	m.workers.Wait()
	if m.relay != nil {
		errs = append(errs, m.relay.Close())
	}
	if m.virtio != nil {
		errs = append(errs, m.virtio.closeDevices())
	}
	for _, d := range m.conf.Disks { // those that New did not come to
		errs = append(errs, d.Backend.Close())
	}
	if m.conf.Net != nil {
		errs = append(errs, m.conf.Net.Backend.Close())
	}
	for _, s := range m.conf.Shares {
		errs = append(errs, s.Server.Close())
	}
	if m.board != nil {
		errs = append(errs, m.board.Close())
	}
	if m.vm != nil {
		errs = append(errs, m.vm.Close())
	}
	if m.virtio != nil {
		errs = append(errs, m.virtio.freePages())
	}
	if m.ram != nil {
		errs = append(errs, m.ram.Close())
	}
	if m.sys != nil {
		errs = append(errs, m.sys.Close())
	}
	return errors.Join(errs...)
}
