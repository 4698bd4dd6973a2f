package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"terem/internal/cli/presence"
	"terem/internal/cli/signals"
	"terem/internal/cli/tty"
	"terem/internal/container"
	"terem/internal/fault"
)

// Exit statuses besides those of the program and of package container.
const (
	statusTimeout = 124 // as timeout(1)
	statusSignal  = 128 // plus the signal's number
)

// Options are those of `terem container run`.
type Options struct {
	Config  container.Config // with the user's files as the standard ones
	Timeout time.Duration    // 0: none

	Name     string   // under which others find it; "": one is drawn
	Detached *os.File // not nil: in the background; gets the container's name and is closed when the program runs

	Quiet   bool // say nothing but errors
	Verbose bool // say what was made
}

// session is one run.
type session struct {
	o     *Options
	k     *container.Container
	users *os.File   // the user's terminal, or nil
	term  *terminal  // nil: the program has the user's files themselves
	voice *tty.Voice // terem's own lines

	here     *presence.Presence
	visitors *visitors
	logged   chan struct{} // closed when all that was said is in the log; nil: there is none

	release context.CancelFunc // of what the start needed
	early   []syscall.Signal   // came before the program ran, and are for it

	mu     sync.Mutex
	status int           // overrides the program's, if why is set
	why    string        // why terem ended the container
	forced chan struct{} // closed when terem ends it
}

// Run runs a program in a container to its end, and returns terem's exit status. The error
// of a program that never ran is a *fault.Error.
func Run(o *Options) (status int, err error) {
	s := &session{o: o, forced: make(chan struct{}), voice: tty.NewVoice(o.Config.Stderr)}
	err = s.claim()
	defer func() { err = errors.Join(err, s.here.Vanish()) }()
	if err != nil {
		return 0, err
	}
	defer s.closeLog()
	s.askTerminal()
	heard := make(chan os.Signal, 64)
	signals.Listen(heard, firstSignals[:]...)
	go signals.Listen(heard, rare()...)
	defer signal.Stop(heard)
	defer s.voice.Finish(s.forced, drain, heard)
	err = s.start(heard)
	defer s.release()
	if err != nil {
		if s.why != "" {
			return s.finish(container.Outcome{}), nil
		}
		return 0, err
	}
	defer func() { err = errors.Join(err, s.k.Close()) }()
	s.visitors = &visitors{k: s.k}
	defer s.visitors.close()
	s.appear()
	if err := s.here.Leave(); err != nil {
		s.end(fault.StatusHost, "nobody waits for it")
	}
	s.describe()
	if s.term, err = s.connect(); err != nil {
		_ = s.k.Kill()
		_, _ = s.k.Wait() // what went wrong is the terminal
		return 0, err
	}
	s.wait(heard)
	outcome, err := s.k.Wait()
	s.term.disconnect()
	return s.finish(outcome), err
}

// start starts the container. A signal that ends most programs ends a start that takes its time;
// others wait for the program.
func (s *session) start(heard <-chan os.Signal) (err error) {
	ctx, cancel := context.WithCancel(context.Background())
	s.release = cancel
	started, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		for {
			select {
			case sig := <-heard:
				n := sig.(syscall.Signal)
				if !endsStart(n) {
					s.early = append(s.early, n)
					continue
				}
				s.because(statusSignal+int(n), n.String())
				cancel()
			case <-started:
			}
			return
		}
	}()
	s.k, err = container.Start(ctx, s.o.Config)
	close(started)
	<-watched
	return err
}

// wait waits for the end of the container and of its output, or brings it about.
func (s *session) wait(heard <-chan os.Signal) {
	for _, n := range s.early {
		s.pass(n)
	}
	var timeout <-chan time.Time
	if s.o.Timeout > 0 {
		t := time.NewTimer(s.o.Timeout)
		defer t.Stop()
		timeout = t.C
	}
	var enough <-chan time.Time // the user's terminal had time to take the last output
	ended, shown, forced := s.k.Done(), s.term.allShown(), s.forced
	for ended != nil || shown != nil {
		select {
		case <-ended:
			ended = nil
		case <-shown:
			shown = nil
		case <-enough:
			shown = nil
		case <-forced:
			forced, enough = nil, time.After(drain)
		case <-timeout:
			s.end(statusTimeout, fmt.Sprintf("the timeout of %v ran out", s.o.Timeout))
		case sig := <-heard:
			if n := sig.(syscall.Signal); ended == nil {
				s.because(statusSignal+int(n), n.String()) // only the terminal is waited for
			} else {
				s.pass(n)
			}
		}
	}
}

// because notes why terem ends the container; the first reason counts.
func (s *session) because(status int, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why == "" {
		s.status, s.why = status, why
		close(s.forced)
	}
}

// end ends the container at once.
func (s *session) end(status int, why string) {
	s.because(status, why)
	_ = s.k.Kill() // or it has ended by itself
}

// finish says how it ended, to all who wait for that, and gives the status.
func (s *session) finish(o container.Outcome) int {
	status := s.conclude(o)
	s.here.Ended(status, s.why)
	return status
}

// conclude says how it ended, if that does not go without saying, and gives the status.
func (s *session) conclude(o container.Outcome) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	status, why := o.ExitStatus(), ""
	switch {
	case s.why != "":
		status, why = s.status, s.why
	case o.OutOfMemory && o.Signal == syscall.SIGKILL:
		why = "out of memory: the program went over the limit and was killed"
	case o.OutOfMemory:
		why = "out of memory: a process of the container was killed"
	case o.Signal == syscall.SIGSYS:
		why = "the program was ended by a signal: bad system call (most likely it became one for 32-bit x86; a container runs 64-bit programs)"
	case o.Signal != 0:
		why = "the program was ended by a signal: " + o.Signal.String()
	}
	if why != "" && !(s.o.Quiet && status == 0) {
		s.say(why)
	}
	s.why = cmp.Or(why, fmt.Sprintf("the program exited with status %d", status))
	return status
}

// say says lines of terem's own.
func (s *session) say(lines ...string) {
	if len(lines) > 0 {
		s.voice.Say("terem: " + strings.Join(lines, "\nterem: ") + "\n")
	}
}

func (s *session) describe() {
	if !s.o.Quiet {
		s.say(s.k.Notes()...)
	}
	if s.o.Verbose {
		s.say(s.k.Describe()...)
	}
}
