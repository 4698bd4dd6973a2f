package launch

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"terem/guest/cmdline"
	"terem/internal/cli/signals"
	"terem/internal/cli/tty"
	"terem/internal/fault"
	"terem/internal/vm/disk"
	"terem/internal/vm/machine"
	"terem/internal/vm/share"
	"terem/internal/vm/snapshot"
	"terem/internal/vm/vsock"
	"terem/vcpu/assist"
)

// grace is how long a guest has to end itself after SIGTERM, before each harder
// way is tried.
const grace = 3 * time.Second

// session is one run: a machine and the user's side of its console.
type session struct {
	o       *Options
	since   time.Time // when the run began
	pipe    bool      // standard input or output is no terminal
	make    func(machine.Config) (*machine.Machine, error)
	conf    machine.Config // as it was given to make
	verb    string         // what was done to the guest
	m       *machine.Machine
	out     *tty.Output
	raw     *tty.Raw
	console console
	disks   []*disk.Disk
	shares  []*share.Server
	begun   bool       // the guest was started
	voice   *tty.Voice // terem's own lines
	here    place
	streams *streams // of the guest's command, if they do not go over the console
	warmth  warm
	from    *snapshot.Snapshot // of which the machine's RAM was made; nil: of none
	saved   saved
	net     *connection // nil: no network

	mu     sync.Mutex
	status int           // overrides the outcome's status, if why is set
	why    string        // why terem ended the guest
	forced chan struct{} // closed when why is set
}

func newSession(o *Options, since time.Time) *session {
	return &session{
		o: o, since: since, pipe: !tty.IsTerminal(o.Stdin) || !tty.IsTerminal(o.Stdout), voice: tty.NewVoice(o.Stderr), forced: make(chan struct{}),
		make: machine.New, verb: "booting",
	}
}

// Run boots a guest, waits for its end and returns terem's exit status. An error
// means that the guest never ran, or that terem failed.
func Run(o *Options) (status int, err error) {
	s := newSession(o, time.Now())
	im, err := openImages(o)
	if err != nil {
		return 0, err
	}
	defer im.Close()
	if im.own {
		if err := checkRoot(o); err != nil {
			return 0, err
		}
	}
	err = s.claim()
	defer func() { err = errors.Join(err, s.here.Vanish()) }()
	if err != nil {
		return 0, err
	}
	if o.SnapshotAt.Dir != "" {
		if err := s.beginSnapshot(); err != nil {
			return 0, err
		}
		defer s.endSnapshot()
	} else if o.Warm != "" {
		if err := checkWarm(o); err != nil {
			return 0, err
		}
	}
	if s.console, err = openConsole(o); err != nil {
		return 0, err
	}
	defer func() { s.console.end(s.begun) }()
	if err := checkFiles(o, im, s.console); err != nil {
		return 0, err
	}
	if s.net, err = s.connectNetwork(); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.net.close()) }()
	disks, err := s.openDisks()
	if err != nil {
		return 0, err
	}
	defer s.unmakeDisks() // machine.New takes them, and closes them; that is no harm
	if err := checkShares(o); err != nil {
		return 0, err
	}
	defer s.closeShares() // as with the disks
	if im.own && o.Root == "" {
		o.tryRoot = rootOn(disks)
	}
	conf, err := s.config(im)
	if err != nil {
		return 0, err
	}
	conf.Disks = disks
	conf.Net = s.net.config()
	if conf.Shares, err = s.openShares(); err != nil {
		return 0, err
	}
	return s.carryOut(conf, func(c machine.Config) (int, error) {
		switch {
		case o.SnapshotAt.Dir != "":
			return s.runInside(c)
		case o.Warm != "":
			return s.startWarm(im, c)
		}
		return s.run(c)
	})
}

// carryOut opens what the guest writes to, and runs it.
func (s *session) carryOut(c machine.Config, run func(machine.Config) (int, error)) (status int, err error) {
	closeOutput, err := s.openOutput(&c)
	if err != nil {
		return 0, err
	}
	defer closeOutput()
	return run(c)
}

// openOutput opens what the guest writes to.
func (s *session) openOutput(c *machine.Config) (closeAll func(), err error) {
	closeAll = func() {}
	switch {
	case s.streams != nil || s.o.Warm != "":
		// The console has what the kernel says, and nobody ends a guest because that is not read.
		s.out, err = tty.NewOutput(s.o.Stderr, func(error) {})
	case s.console.File != nil:
		s.out, err = tty.NewOutput(s.console.File, s.outputBroke)
	default:
		return closeAll, nil
	}
	if err != nil {
		return closeAll, err
	}
	c.Out = s.out
	if s.streams == nil { // of a warm run they are opened later
		return func() { s.out.Close() }, nil
	}
	if err := s.streams.open(); err != nil {
		s.out.Close()
		return closeAll, err
	}
	return func() { s.streams.close(); s.out.Close() }, nil
}

func (s *session) config(im *images) (machine.Config, error) {
	o := s.o
	pipe := (s.pipe || !o.stdio() || o.Warm != "") && !s.idle()
	way := s.chooseWay(im, pipe)
	line, err := kernelLine(o, im.own, pipe, way)
	if err != nil {
		return machine.Config{}, err
	}
	cpu, err := machine.ParseCPU(o.CPU)
	if err != nil {
		return machine.Config{}, err
	}
	initrd := im.initrd
	if im.own && o.Warm == "" && !cmdline.Short(o.Command) {
		if initrd, err = handOver(initrd, o.Command); err != nil {
			return machine.Config{}, err
		}
	}
	c := machine.Config{
		Kernel: im.kernel, Initrd: initrd, CmdLine: line, Memory: o.Memory, CPUs: o.CPUs, CPU: cpu,
		RNG: o.RNG, Balloon: o.Balloon, Init: im.own && o.Initrd == "" && pipe,
		ACPI: !im.own, NoAssist: o.NoAssist, CountExits: o.Exits != "", Since: s.since,
	}
	s.vsock(&c, way)
	c.Boot.Payload, c.Boot.Protocol, c.Boot.Unpack = o.Payload, o.Protocol, o.Decoders.Kernel
	switch {
	case o.NoParams:
	case im.own:
		c.SoftParams = cmdline.Software
	default:
		c.SoftParams = assist.KernelParams(o.CPUs > 1)
	}
	return c, nil
}

// run has a deferred call for each thing that must be undone, so that a panic of
// terem's own gives the terminal back too.
func (s *session) run(c machine.Config) (status int, err error) {
	heard := make(chan os.Signal, 4)
	go signals.Listen(heard, signals.Faults()...) // which takes time, and the machine does
	end, err := s.prepare(&c)
	defer func() { err = errors.Join(err, end()) }()
	if err != nil {
		return 0, err
	}
	s.conf = c
	if s.m, err = s.make(c); err != nil {
		return 0, err
	}
	defer func() {
		s.stopOutput()
		err = errors.Join(err, end(), s.m.Close())
		s.streams.await()
	}()
	if o := s.o.Vsock; o != nil {
		l, err := vsock.Listen(o.Path, s.m)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, l.Close()) }()
	}
	signals.Listen(heard, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(heard)
	defer s.voice.Finish(s.forced, lastLine, heard)
	s.verbose(c)
	s.warn()
	if err := s.console.begin(); err != nil {
		return 0, err
	}
	if err := s.connect(); err != nil {
		return 0, err
	}
	defer s.disconnect()
	if err := s.watch(); err != nil {
		return 0, err
	}
	s.begun = true
	if err := s.m.Start(); err != nil {
		return 0, err
	}
	s.here.ports = c.Vsock != nil
	s.here.agent = s.here.ports && strings.Contains(s.m.CmdLine(), cmdline.AgentWord)
	s.appear()
	if err := s.here.Leave(); err != nil {
		return 0, err
	}
	if s.o.Warm != "" {
		s.warmth.begin(s.inside)
	}
	s.watchMemory()
	s.wait(heard)
	return s.finish()
}

// wait waits for the end of the guest, and brings it about when the time is up or
// a signal asks for it.
func (s *session) wait(heard <-chan os.Signal) {
	var timeout <-chan time.Time
	if s.o.Timeout > 0 {
		t := time.NewTimer(s.o.Timeout)
		defer t.Stop()
		timeout = t.C
	}
	select {
	case <-s.m.Done():
	case <-timeout:
		s.end(StatusTimeout, fmt.Sprintf("the timeout of %v ran out", s.o.Timeout))
	case sig := <-heard:
		n := sig.(syscall.Signal)
		s.because(statusSignal+int(n), n.String())
		s.terminate(heard)
	}
	s.streams.collect(heard, timeout)
}

// terminate lets the guest end itself; a second signal does not wait for that.
func (s *session) terminate(heard <-chan os.Signal) {
	go func() {
		select {
		case <-heard:
			s.m.Kill()
		case <-s.m.Done():
		}
	}()
	s.m.Terminate(grace, grace)
	s.m.Kill()
}

// because notes why terem ends the guest; the first reason counts.
func (s *session) because(status int, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why == "" {
		s.status, s.why = status, why
		close(s.forced)
	}
}

// isForced says whether terem ends the guest.
func (s *session) isForced() bool {
	select {
	case <-s.forced:
		return true
	default:
		return false
	}
}

// end ends the guest at once.
func (s *session) end(status int, why string) {
	s.because(status, why)
	s.m.Kill()
}

// stopOutput calls off writes that wait for a reader.
func (s *session) stopOutput() {
	if s.out != nil {
		s.out.Stop()
	}
	s.streams.stop()
}

func (s *session) outputBroke(err error) {
	if errors.Is(err, syscall.EPIPE) {
		s.end(StatusPipe, "nobody reads the output any more")
		return
	}
	s.end(fault.StatusHost, "the guest's output cannot be written: "+err.Error())
}

// finish reports and gives the exit status.
func (s *session) finish() (int, error) {
	outcome := s.m.Wait()
	s.stopOutput()
	var report machine.Report
	var err error
	if s.o.Exits != "" {
		report, err = s.lastLedger()
	}
	s.disconnect()
	s.mu.Lock()
	defer s.mu.Unlock()
	status, why := outcomeStatus(outcome), outcome.String()
	if s.why != "" {
		status, why = s.status, s.why
	}
	if !s.silent(outcome, status) {
		s.say("terem: %s\n", why)
	}
	s.here.Ended(status, why)
	if s.o.Exits != "" && err == nil {
		var text strings.Builder
		err = writeReport(&text, s.o.Exits, report) // on standard error: standard output is the guest's
		s.voice.Say(text.String())
	}
	return status, err
}

// say says something of terem's own.
func (s *session) say(format string, args ...any) { s.voice.Say(fmt.Sprintf(format, args...)) }

// lastLine is how long terem's own last line may take where terem has ended the guest.
const lastLine = 2 * time.Second

// silent says whether the end goes without saying: the guest did as it was told.
func (s *session) silent(o machine.Outcome, status int) bool {
	if s.why != "" {
		return s.o.Quiet && status == StatusOK
	}
	return o.Kind == machine.Exited || o.Kind == machine.PoweredOff
}

// warn says what was asked for and is not to be had.
func (s *session) warn() {
	if kept := s.m.Disregarded(); len(kept) > 0 && !s.o.Quiet {
		s.say("terem: warning: processor %s: this host's KVM shows the guest %s all the same (only VT-x and AMD-V take features away)\n",
			s.o.CPU, strings.Join(kept, ", "))
	}
}

func (s *session) verbose(c machine.Config) {
	if !s.o.Verbose {
		return
	}
	s.say("terem: kernel %s, RAM %s, CPUs %d\n", c.Kernel.Name, machine.Bytes(c.Memory), c.CPUs)
	if s.m.Software() {
		s.say("terem: this host's KVM interprets guest kernel code; terem finishes what it cannot\n")
	}
	s.say("terem: kernel command line: %s\n", s.m.CmdLine())
}
