package launch

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"terem/internal/cli/presence"
	"terem/internal/cli/tty"
	"terem/internal/fault"
	"terem/internal/vm/control"
)

// place is how others find the machine and steer it.
type place struct {
	*presence.Presence
	ports  bool // the machine has some
	agent  bool // and one of them is the agent's
	paused atomic.Bool
}

// claim takes the name that the user gave, before anything is started under it. In the background the console and terem's own
// lines go into a file, and there is no input.
func (s *session) claim() (err error) {
	s.here.Presence, err = presence.Claim(s.o.Name, "vm", s.o.Detached)
	if log := s.here.Log(); err == nil && log != nil {
		s.o.Stdout, s.o.Stderr = log, log
		s.voice = tty.NewVoice(log)
	}
	return err
}

// appear has others find the machine. Without a name from the user one that cannot appear runs unseen: nobody asked for more.
func (s *session) appear() {
	w := presence.What{Verbs: s.verbs(), Failed: func(err error) {
		if s.o.Name != "" || s.o.Verbose {
			s.say("terem: warning: %s; no command will reach this machine\r\n", fault.Say(err, func(f string) string { return f }))
		}
	}}
	if s.here.ports {
		w.Ports = s.m
	}
	s.here.Appear(w)
}

// Exit statuses of a machine that somebody else ended: as if by SIGTERM and by SIGKILL.
const (
	statusStopped = statusSignal + int(syscall.SIGTERM)
	statusKilled  = statusSignal + int(syscall.SIGKILL)
)

func (s *session) verbs() control.Verbs {
	v := control.Verbs{
		Info:   s.info,
		Stats:  s.stats,
		Pause:  func() error { s.here.paused.Store(true); return s.m.Pause() },
		Resume: func() error { s.here.paused.Store(false); return s.m.Resume() },
		Stop:   s.stop,
		Kill:   func() { s.end(statusKilled, "killed by `terem kill`") },
	}
	if s.o.Exits != "" {
		v.Exits = s.ledger
	}
	if s.o.Balloon != nil {
		v.Balloon = s.m.SetBalloon
	}
	return v
}

func (s *session) info() control.Info {
	log := ""
	if s.console.own {
		log, _ = filepath.Abs(s.console.Name()) // without a working directory nobody finds it
	}
	return control.Info{Log: log, Agent: s.here.agent, Kind: control.KindVM, Command: s.o.Command, CPUs: float64(s.o.CPUs), Memory: s.o.Memory}
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
