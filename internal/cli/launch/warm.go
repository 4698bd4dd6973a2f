package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"terem/internal/cli/enter"
	"terem/internal/cli/tty"
	"terem/internal/fault"
	"terem/internal/vm/agent"
	"terem/internal/vm/machine"
	"terem/internal/vm/snapshot"
	"terem/internal/vm/vsock"
)

// WarmReady is the snapshot that a warm start begins from: the guest is up, its agent listens, and no program runs.
const WarmReady = "ready"

// checkWarm refuses what such a snapshot cannot have.
func checkWarm(o *Options) error {
	bad := func(field, cause string) error {
		return &fault.Error{Class: fault.Usage, Thing: fault.Field("Warm"), Cause: cause, Mend: "leave out " + fault.Field(field)}
	}
	switch {
	case o.Warm != WarmReady:
		return &fault.Error{Class: fault.Usage, Thing: fault.Field("Warm") + " " + o.Warm, Cause: "no such moment", Mend: "use " + WarmReady}
	case o.Kernel != "":
		return bad("Kernel", "only terem's own guest has an agent that says when it is ready")
	case o.Initrd != "":
		return bad("Initrd", "only terem's own guest has an agent that says when it is ready")
	case o.Detached != nil:
		return bad("Detach", "what is warm runs a command and ends with it; `terem snapshot` and `terem restore` are for machines in the background")
	case !o.stdio():
		return bad("Console", "the command's streams do not go over the console")
	case o.Vsock != nil:
		return bad("Vsock", "a socket of this machine's is not in a snapshot of another")
	}
	return nil
}

// warm starts a command in a guest that has booted before: from the cache of snapshots, or, if there is none of such a guest, by
// booting one and keeping it there.
func (s *session) warm(im *images, c machine.Config) (status int, err error) {
	dir, err := s.warmDir(im)
	if err != nil {
		return 0, err
	}
	if status, err = s.warmFrom(dir, c); !errors.Is(err, errCold) {
		return status, err
	}
	w, err := snapshot.Create(dir, true)
	if err != nil && s.o.Verbose {
		s.say("terem: %v\n", err) // the command runs all the same
	}
	return s.inside(c, func() error {
		if err := s.m.AwaitListener(); err != nil {
			return nil // it has ended, and says how
		}
		if w == nil {
			return nil
		}
		return s.keep(w)
	})
}

// errCold says that there is no snapshot to begin from.
var errCold = errors.New("no such guest in the cache")

// warmFrom starts from a snapshot, if there is one that fits.
func (s *session) warmFrom(dir string, c machine.Config) (status int, err error) {
	sn, err := snapshot.Open(dir)
	if err != nil {
		return 0, errCold
	}
	defer sn.Close()
	var r request
	var state machine.State
	if errors.Join(strictly(sn.Request, &r), strictly(sn.Machine, &state)) != nil {
		return 0, errCold
	}
	c.CmdLine = r.CmdLine
	made := false
	s.make = func(c machine.Config) (*machine.Machine, error) {
		ram, err := sn.Guest()
		if err != nil {
			return nil, err
		}
		m, err := s.restoreOn(c, &state, ram)
		made = err == nil
		return m, err
	}
	status, err = s.inside(c, func() error { return nil })
	if s.make = machine.New; !made {
		return 0, errCold // whatever it was, a cold start does not need it
	}
	now := time.Now()
	_ = os.Chtimes(dir, now, now) // it was of use; who cannot say so may lose it sooner
	return status, err
}

// keep makes the machine the snapshot that others start from. It is on the medium some time later.
func (s *session) keep(w *snapshot.Writer) error {
	out, err := s.take(context.Background(), w)
	if err != nil {
		return errors.Join(err, w.Abort())
	}
	s.kept = make(chan error, 1)
	go func() {
		err := w.Commit(out)
		if err == nil {
			prune(filepath.Dir(w.Dir()), warmMost)
		}
		s.kept <- err
	}()
	return nil
}

// inside runs the command by the guest's agent, and ends the machine with it. Before that, ready is called.
func (s *session) inside(c machine.Config, ready func() error) (status int, err error) {
	if s.m, err = s.make(c); err != nil {
		return 0, err
	}
	defer func() {
		s.stopOutput()
		err = errors.Join(err, s.m.Close())
		if s.kept != nil {
			if bad := <-s.kept; bad != nil && s.o.Verbose {
				s.say("terem: %v\n", bad)
			}
		}
	}()
	s.verbose(c)
	s.warn()
	s.begun = true
	if err := s.m.Start(); err != nil {
		return 0, err
	}
	s.here.ports, s.here.agent = true, true
	s.appear()
	if s.o.Timeout > 0 {
		t := time.AfterFunc(s.o.Timeout, func() { s.end(StatusTimeout, fmt.Sprintf("the timeout of %v ran out", s.o.Timeout)) })
		defer t.Stop()
	}
	if err := ready(); err != nil {
		return 0, err
	}
	status, err = enter.Run(s.entry())
	if err != nil {
		s.awaitEnd(err)
	}
	select {
	case <-s.m.Done(): // by itself: that says more
		return s.finish()
	default:
	}
	if err != nil {
		s.m.Kill()
		s.here.Ended(fault.Status(err), err.Error())
		return 0, err
	}
	s.m.Exit(uint8(status))
	return s.finish()
}

// goes is how long a guest that has let go of its connections may take to end: it has begun to.
const goes = 3 * time.Second

func (s *session) awaitEnd(err error) {
	var f *fault.Error
	if !errors.As(err, &f) || f.Class != fault.Gone {
		return
	}
	select {
	case <-s.m.Done():
	case <-time.After(goes):
	}
}

// entry is how the command is started.
func (s *session) entry() *enter.Options {
	o := s.o
	e := &enter.Options{
		Name: "the guest", Interactive: true, Stdin: o.Stdin, Stdout: o.Stdout, Stderr: o.Stderr, Dial: s.callAgent,
		Start: agent.Start{Argv: o.Command, Dir: "/", TTY: tty.IsTerminal(o.Stdin) && tty.IsTerminal(o.Stdout)},
	}
	if len(o.Command) == 0 {
		e.Start.Argv = []string{"/bin/sh"}
	}
	return e
}

// callAgent connects with the guest's agent, until the machine ends.
func (s *session) callAgent() (agent.Conn, error) {
	ours, theirs := vsock.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-s.m.Done()
		cancel()
		_ = ours.Close() // an end of a pipe of ours
	}()
	if _, err := s.m.Connect(ctx, agent.Port, theirs); err != nil {
		return nil, &fault.Error{Class: fault.Guest, Thing: "the guest's agent", Err: err}
	}
	return ours, nil
}
