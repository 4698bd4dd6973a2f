package launch

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"terem/internal/cli/presence"
	"terem/internal/cli/tty"
	"terem/internal/fault"
	"terem/internal/vm/control"
	"terem/internal/vm/machine"
)

// place is how others find the machine and steer it.
type place struct {
	*presence.Presence
	ports  bool // the machine has some
	agent  bool // and one of them is the agent's
	paused atomic.Bool
	sums   sync.Mutex // held while the exits are summed up: at the end, and for a client
	summed bool       // for the last time
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

// idle says whether the machine is for those who enter it: in the background, without a command. It has a console then, on which
// nobody types, and a disk's own init or a shell.
func (s *session) idle() bool { return s.o.Detached != nil && len(s.o.Command) == 0 }

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

// statusKilled is the exit status of a machine that somebody else has ended: as if by SIGKILL.
const statusKilled = statusSignal + int(syscall.SIGKILL)

func (s *session) verbs() control.Verbs {
	v := control.Verbs{
		Info:     s.info,
		Stats:    s.stats,
		Pause:    s.pause,
		Resume:   s.resume,
		Snapshot: s.snapshot,
		Stop:     s.stop,
		Kill:     func() { s.end(statusKilled, "killed by `terem kill`") },
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

func (s *session) pause() error {
	s.here.paused.Store(true)
	err := s.m.Pause()
	if err != nil {
		err = errors.Join(err, s.resume())
	}
	return err
}

func (s *session) resume() error {
	s.here.paused.Store(false)
	return s.goOn()
}

// goOn lets the guest run on, unless it has ended: what its vCPUs did is being read then.
func (s *session) goOn() error {
	select {
	case <-s.m.Done():
		return nil
	default:
		return s.m.Resume()
	}
}

// stop gives the guest the time of grace to end itself, and then the harder ways theirs. How it has ended is its own to say, unless
// it had to be ended.
func (s *session) stop(first time.Duration) {
	if s.idle() && s.here.agent {
		harder := min(first/2, grace) // is left for those who do not go so
		s.powerOff(first - harder)
		first = harder
	}
	s.m.Terminate(first, grace)
	select {
	case <-s.m.Done():
	default:
		s.end(statusKilled, "it did not end when `terem stop` asked it to")
	}
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
	s.here.sums.Lock()
	defer s.here.sums.Unlock()
	if s.here.summed {
		return nil, errors.New("it has ended, and its ledger is printed there")
	}
	r, err := s.m.Report()
	if !s.here.paused.Load() {
		err = errors.Join(err, s.goOn())
	}
	return r, err
}

// lastLedger sums the exits up at the end.
func (s *session) lastLedger() (machine.Report, error) {
	s.here.sums.Lock()
	defer s.here.sums.Unlock()
	s.here.summed = true
	return s.m.Report()
}
