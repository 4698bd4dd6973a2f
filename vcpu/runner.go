package vcpu

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"terem/kvm"
)

var (
	// ErrRunning is returned by Do while the guest runs.
	ErrRunning = errors.New("vCPU is running")
	// ErrStopped is returned once Stop was called.
	ErrStopped = errors.New("vCPU is stopped")
	// ErrEnded is returned by Resume after the guest ended itself.
	ErrEnded = errors.New("vCPU has ended")
)

// Bus is an address space: ports, or memory that is not RAM. Read and Write say
// whether anybody is at addr; Read fills p in either case.
type Bus interface {
	Read(addr uint64, p []byte) bool
	Write(addr uint64, p []byte) bool
}

// Assistant finishes what KVM cannot (see package assist). A nil error means that
// the guest may run on.
type Assistant interface {
	Internal(*kvm.VCPU) error // after kvm.ExitInternalError
	Debug(*kvm.VCPU) error    // after kvm.ExitDebug
	WriteMSR(*kvm.VCPU) error // after kvm.ExitWRMSR
}

// Brake holds up a vCPU that writes more than somebody takes: between two instructions, where it can
// be paused and stopped, which it cannot while a device answers it.
type Brake interface {
	// Held says whether a vCPU that has written n bytes at port must wait before it goes on.
	Held(port uint64, n int) bool
	// Wait returns true when it may go on, and false when there is something in stop.
	Wait(stop <-chan struct{}) bool
}

// Debugger gets the exits of breakpoints and of single steps, before the Assistant does. It is called on the vCPU's thread.
type Debugger interface {
	Stopped(id int, c *kvm.VCPU) (Answer, error)
}

// Answer says what becomes of a vCPU after such an exit.
type Answer int

const (
	Pass Answer = iota // it is not the debugger's: the Assistant is asked
	GoOn               // the guest runs on
	Hold               // the vCPU waits outside of the guest, also after Resume, until Release
)

// Config is what a vCPU needs besides its VM.
type Config struct {
	ID     int
	CPUID  []kvm.CPUIDEntry
	Ports  Bus
	Memory Bus
	Assist Assistant // nil: an exit that needs one ends the vCPU
	Ledger *Ledger   // nil: count nothing
	Brake  Brake     // nil: devices take all that the guest writes
	Debug  Debugger  // nil: nobody watches
}

// Runner is a vCPU and the goroutine that runs it.
type Runner struct {
	conf Config
	vcpu *kvm.VCPU

	prepare func(*kvm.VCPU) (done bool, err error) // nil: nothing to do
	waits   waits                                  // before it enters the guest; the thread's own

	mu      sync.Mutex // one command at a time; held while it is delivered
	state   state
	cmds    chan command
	request atomic.Bool   // leave the guest and take a command
	nudge   chan struct{} // holds a token when request is set, for who waits for the brake
	ended   chan struct{} // closed when the guest ended, or at Stop
	end     End           // valid once ended is closed
	gone    chan struct{} // closed when the goroutine is gone
}

// waits is what a vCPU waits for before it enters the guest; 0: nothing.
type waits uint8

const (
	braked waits = 1 << iota // for its brake
	held                     // for its debugger's Release
)

type state int

const (
	paused state = iota
	running
	stopped
)

type command struct {
	resume, stop, release bool

	do   func(*kvm.VCPU) error
	done chan error
}

// Start makes vCPU c.ID, on a thread of its own, paused. The caller owes a Stop.
func Start(vm *kvm.VM, c Config) (*Runner, error) {
	r := &Runner{
		conf:  c,
		cmds:  make(chan command),
		nudge: make(chan struct{}, 1),
		ended: make(chan struct{}),
		gone:  make(chan struct{}),
	}
	started := make(chan error)
	go r.thread(vm, started)
	if err := <-started; err != nil {
		return nil, err
	}
	return r, nil
}

// CPUID is the vCPU's leaves. The caller must not change them.
func (r *Runner) CPUID() []kvm.CPUIDEntry { return r.conf.CPUID }

// Poke makes a vCPU that runs leave the guest for a moment. A tracer sees where it was.
func (r *Runner) Poke() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != running || r.hasEnded() {
		return nil
	}
	return r.vcpu.Kick()
}

// Do calls f on the vCPU's thread, while it is paused or has ended. f must not
// call the Runner's methods.
func (r *Runner) Do(f func(*kvm.VCPU) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == running && !r.hasEnded() {
		return ErrRunning
	}
	return r.deliver(command{do: f})
}

// Prepare has f called on the vCPU's thread after each exit, before the exit is
// answered, until it is done: for what can be set up only once the guest is
// under way. The vCPU must be paused.
func (r *Runner) Prepare(f func(*kvm.VCPU) (done bool, err error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == running {
		return ErrRunning
	}
	r.prepare = f // the command that resumes the thread makes it see this
	return nil
}

// Resume lets the guest run.
func (r *Runner) Resume() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.hasEnded() && r.state != stopped:
		return ErrEnded
	case r.state == running:
		return nil
	}
	err := r.deliver(command{resume: true})
	if err == nil {
		r.state = running
	}
	return err
}

// Pause takes the vCPU out of the guest. When it returns, no access of the guest
// is half done, and Do may look at its registers.
func (r *Runner) Pause() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != running {
		return nil
	}
	err := r.deliver(command{})
	if err == nil {
		r.state = paused
	}
	return err
}

// Release ends a Hold. The vCPU must be paused.
func (r *Runner) Release() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == running && !r.hasEnded() {
		return ErrRunning
	}
	return r.deliver(command{release: true})
}

// Stop ends the vCPU, its goroutine and its thread, and closes its descriptor. A
// second Stop does nothing.
func (r *Runner) Stop() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == stopped {
		return nil
	}
	err := r.deliver(command{stop: true})
	r.state = stopped
	<-r.gone
	return err
}

// Wait waits until the guest has ended this vCPU, or Stop has, and says how.
func (r *Runner) Wait() End {
	<-r.ended
	return r.end
}

func (r *Runner) hasEnded() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// deliver hands a command to the vCPU's goroutine. One that runs the guest is kicked
// out of it, as often as it takes: a kick can be lost only between two system calls
// of the thread, so the second or third is heard. Called with r.mu held.
func (r *Runner) deliver(c command) error {
	if r.state == stopped {
		return ErrStopped
	}
	c.done = make(chan error, 1)
	if r.state != running {
		r.cmds <- c
		return <-c.done
	}
	r.request.Store(true)
	select {
	case r.nudge <- struct{}{}:
	default: // one is enough
	}
	const first, longest = 200 * time.Microsecond, 10 * time.Millisecond
	timer := time.NewTimer(first)
	defer timer.Stop()
	for wait := first; ; wait = min(2*wait, longest) {
		if err := r.vcpu.Kick(); err != nil {
			return err
		}
		select {
		case r.cmds <- c:
			return <-c.done
		case <-timer.C:
			timer.Reset(wait)
		}
	}
}

// thread is the vCPU's goroutine. It never unlocks its thread, which so ends with
// it: a thread that ran a guest carries state that no other goroutine should meet.
func (r *Runner) thread(vm *kvm.VM, started chan<- error) {
	runtime.LockOSThread()
	defer close(r.gone)
	if err := r.create(vm); err != nil {
		started <- err
		return
	}
	started <- nil
	for {
		c := <-r.cmds
		r.vcpu.ClearKick() // of this command's delivery; the next one waits for this to be done
		r.request.Store(false)
		switch {
		case c.stop:
			c.done <- r.shut()
			return
		case c.resume:
			c.done <- nil
			r.enter()
		case c.do != nil:
			c.done <- c.do(r.vcpu)
		case c.release:
			r.unhold()
			c.done <- nil
		default:
			c.done <- nil // a pause: being here is all it asks for
		}
	}
}

// unhold leaves what the brake wants as it is.
func (r *Runner) unhold() { r.waits &^= held }

func (r *Runner) create(vm *kvm.VM) error {
	c, err := vm.CreateVCPU(r.conf.ID)
	if err != nil {
		return err
	}
	c.Bind()
	if r.conf.CPUID != nil {
		if err := c.SetCPUID(r.conf.CPUID); err != nil {
			return errors.Join(err, c.Close())
		}
	}
	r.vcpu = c
	if r.conf.Ledger != nil {
		r.conf.Ledger.cpu = c
	}
	return nil
}

func (r *Runner) shut() error {
	if !r.hasEnded() {
		r.finish(End{Reason: Stopped})
	}
	return r.vcpu.Close()
}

func (r *Runner) finish(e End) {
	r.conf.Ledger.end()
	r.end = e
	close(r.ended)
}
