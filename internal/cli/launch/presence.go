package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/cli/tty"
	"terem/internal/fault"
	"terem/internal/running"
	"terem/internal/vm/control"
	"terem/internal/vm/vsock"
)

// presence is how others find the machine and steer it: its name, its directory and the sockets in there.
type presence struct {
	dir    *running.Dir
	log    *os.File // of a machine in the background; nil: none
	server *control.Server
	vsock  *vsock.Listener // nil: the machine has no ports
	ports  bool            // it has
	agent  bool            // and one of them is the agent's
	made   chan struct{}   // closed when appear has returned
	over   chan struct{}   // closed when end is known
	end    control.End
	paused atomic.Bool
}

// claim takes the name that the user gave, before anything is started under it. In the background there must be one.
func (s *session) claim() (err error) {
	s.here.made, s.here.over = make(chan struct{}), make(chan struct{})
	if s.o.Name != "" || s.o.Detached != nil {
		s.here.dir, err = running.Claim(running.Root(), s.o.Name, "vm")
	}
	if err == nil && s.o.Detached != nil {
		err = s.background()
	}
	return err
}

// background gives a detached machine a file for its console and for terem's own lines, and no input.
func (s *session) background() (err error) {
	s.here.log, err = os.OpenFile(s.here.dir.File(running.LogFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return &fault.Error{Class: fault.Host, Thing: "log", Err: err}
	}
	s.o.Stdout, s.o.Stderr = s.here.log, s.here.log
	s.voice = tty.NewVoice(s.here.log)
	return nil
}

// leave lets go of the terminal once the guest runs in the background, and tells who waits for that.
func (s *session) leave() error {
	if s.o.Detached == nil {
		return nil
	}
	if _, err := fmt.Fprintln(s.o.Detached, s.here.dir.Name); err != nil {
		return &fault.Error{Class: fault.Host, Thing: fault.Field("Detach"), Cause: "nobody waits for the machine's name any more"}
	}
	return errors.Join(s.o.Detached.Close(), unix.Dup3(int(s.here.log.Fd()), int(os.Stderr.Fd()), 0))
}

// appear opens the sockets. It runs beside the guest's first instructions, so that starting does not wait for it. Without a
// name from the user a machine that cannot appear runs unseen: nobody asked for more.
func (s *session) appear() {
	defer close(s.here.made)
	var err error
	if s.here.dir == nil {
		s.here.dir, err = running.Claim(running.Root(), "", "vm")
	}
	if err == nil && s.here.ports {
		s.here.vsock, err = vsock.Listen(s.here.dir.File(running.VsockSocket), s.m)
	}
	if err == nil {
		s.here.server, err = control.Listen(s.here.dir.File(running.ControlSocket), s.verbs(time.Now()))
	}
	if err != nil && (s.o.Name != "" || s.o.Verbose) {
		s.say("terem: warning: %s; no command will reach this machine\r\n", fault.Say(err, func(f string) string { return f }))
	}
}

// vanish takes all of it away again, once those who waited for the end have been told.
func (s *session) vanish() error {
	if s.begun {
		<-s.here.made
	}
	var errs []error
	if s.here.server != nil {
		errs = append(errs, s.here.server.Close())
	}
	if s.here.vsock != nil {
		errs = append(errs, s.here.vsock.Close())
	}
	if s.here.dir != nil {
		errs = append(errs, s.here.dir.Release())
	}
	if s.here.log != nil {
		errs = append(errs, s.here.log.Close())
	}
	return errors.Join(errs...)
}

// ended lets those know who wait for the end.
func (s *session) ended(status int, why string) {
	s.here.end = control.End{Status: status, Why: why}
	close(s.here.over)
}

// Exit statuses of a machine that somebody else ended: as if by SIGTERM and by SIGKILL.
const (
	statusStopped = statusSignal + int(syscall.SIGTERM)
	statusKilled  = statusSignal + int(syscall.SIGKILL)
)

func (s *session) verbs(started time.Time) control.Verbs {
	v := control.Verbs{
		Info:   func() control.Info { return s.info(started) },
		Stats:  s.stats,
		Pause:  func() error { s.here.paused.Store(true); return s.m.Pause() },
		Resume: func() error { s.here.paused.Store(false); return s.m.Resume() },
		Stop:   s.stop,
		Kill:   func() { s.end(statusKilled, "killed by `terem kill`") },
		Ended:  s.here.over,
		End:    func() control.End { return s.here.end },
	}
	if s.o.Exits != "" {
		v.Exits = s.ledger
	}
	if s.o.Balloon != nil {
		v.Balloon = s.m.SetBalloon
	}
	return v
}

func (s *session) info(started time.Time) control.Info {
	log := ""
	switch {
	case s.console.own:
		log, _ = filepath.Abs(s.console.Name()) // without a working directory nobody finds it
	case s.here.log != nil:
		log = s.here.log.Name()
	}
	return control.Info{
		Log: log, Agent: s.here.agent,
		Name: s.here.dir.Name, Kind: control.KindVM, PID: os.Getpid(), Started: started,
		Command: s.o.Command, CPUs: float64(s.o.CPUs), Memory: s.o.Memory,
	}
}

// stop gives the guest the time of grace to end itself.
func (s *session) stop(grace time.Duration) {
	s.because(statusStopped, "stopped by `terem stop`")
	t := time.AfterFunc(grace, s.m.Kill)
	defer t.Stop()
	s.m.Terminate(grace)
	s.m.Kill()
}

func (s *session) stats(ctx context.Context) (control.Stats, error) {
	c, err := control.OfProcess()
	if err != nil || s.o.Balloon == nil || s.here.paused.Load() {
		return c, err
	}
	if g, err := s.m.GuestMemory(ctx); err == nil { // a guest that does not answer has no numbers
		c.Guest = &control.GuestMemory{Total: g.Total, Free: g.Free, Available: g.Available, Balloon: g.Balloon}
	}
	return c, nil
}

// ledger sums the exits up, with the guest at rest for that moment.
func (s *session) ledger() (any, error) {
	r, err := s.m.Report()
	if err == nil && !s.here.paused.Load() {
		err = s.m.Resume()
	}
	return r, err
}
