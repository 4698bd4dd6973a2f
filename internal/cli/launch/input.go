package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"terem/guest/cmdline"
	"terem/internal/cli/tty"
	"terem/internal/fault"
	"terem/internal/vm/machine"
)

// connect connects the user's input with the guest. The goroutine that reads
// standard input lives as long as the process: a read of a terminal cannot be
// called off.
func (s *session) connect() error {
	if !s.o.stdio() || s.streams != nil || s.o.Detached != nil {
		return nil
	}
	if s.pipe {
		go s.piped()
		return nil
	}
	raw, err := tty.MakeRaw(s.o.Stdin)
	if err != nil {
		return &fault.Error{Class: fault.Host, Thing: "terminal", Err: err, Mend: "use " + fault.Field("Console") + " none"}
	}
	s.raw = raw
	s.watchContinue(raw)
	if !s.o.Quiet {
		s.say("terem: %s; Ctrl-A x ends the guest, Ctrl-A h helps\r\n", s.verb)
	}
	go s.typed()
	return nil
}

// watchContinue takes the terminal again when terem goes on after a stop, until the
// machine ends.
func (s *session) watchContinue(raw *tty.Raw) {
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, syscall.SIGCONT)
	go func() {
		defer signal.Stop(continued)
		for {
			select {
			case <-continued:
				_ = raw.Again() // a terminal that is gone ends the input, which says so
			case <-s.m.Done():
				return
			}
		}
	}()
}

// piped sends standard input. Only the default guest's init says when it is ready.
func (s *session) piped() {
	var err error
	if !strings.Contains(s.m.CmdLine(), cmdline.PipeWord) {
		err = s.m.Pipe(s.o.Stdin)
	} else if err = s.m.AwaitListener(); err == nil {
		err = s.m.Feed(s.o.Stdin)
	}
	var bad *machine.InputError
	switch {
	case errors.As(err, &bad):
		s.unreadableInput(bad.Err)
	case err != nil && s.o.Verbose && !errors.Is(err, context.Canceled):
		s.say("terem: standard input: %v\n", err)
	}
}

// unreadableInput says why the guest's input ends.
func (s *session) unreadableInput(err error) {
	s.say("terem: standard input: %v; for the guest it ends there\n", fault.Reason(err))
}

// disconnect gives the terminal back. Once done, it does nothing.
func (s *session) disconnect() {
	if s.raw == nil {
		return
	}
	if err := s.raw.Restore(); err != nil {
		s.say("terem: terminal: %v; `stty sane` restores it\n", err)
	}
	s.raw = nil
}

// typed passes on what the user types, but for terem's own keys. A Quit is obeyed
// also while the guest takes no input, so sending has a goroutine of its own.
func (s *session) typed() {
	keys := tty.NewQueue()
	go s.send(keys)
	s.unreadable(keys.Type(s.o.Stdin, func(a tty.Action) { s.act(a, keys) }))
}

// unreadable ends the guest, since nobody can type at it any more. A terminal that has gone reads as its end, or as EIO.
func (s *session) unreadable(err error) {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, syscall.EIO) {
		s.end(statusSignal+int(syscall.SIGHUP), "the terminal is gone")
		return
	}
	s.end(fault.StatusHost, fmt.Sprintf("standard input: %v", fault.Reason(err)))
}

func (s *session) act(a tty.Action, keys *tty.Queue) {
	switch a {
	case tty.Quit:
		s.say("\r\n") // the guest's cursor may be anywhere
		s.end(StatusOK, "ended by Ctrl-A x")
	case tty.Help:
		s.voice.Say(tty.HelpText)
		keys.Put([]byte{'\r'}) // for a prompt
	case tty.Break:
		keys.PutBreak()
	}
}

// send types what is queued.
func (s *session) send(keys *tty.Queue) {
	defer keys.Close() // nobody is left to take it
	for {
		p, ok := keys.Take()
		if !ok {
			return
		}
		var err error
		if p == nil {
			err = s.m.Break()
		} else {
			err = s.m.Send(p)
		}
		if err != nil {
			return
		}
	}
}
