package launch

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"terem/internal/cli/enter"
	"terem/internal/fault"
	"terem/internal/vm/agent"
	"terem/internal/vm/machine"
	"terem/internal/vm/vsock"
)

// runInside runs a machine whose agent starts the command.
func (s *session) runInside(c machine.Config) (status int, err error) {
	s.streams = newStreams(s)
	c.Asker = s.streams
	s.warmth.held.came = make(chan agent.Conn, 1)
	c.Vsock.Dial = s.warmth.answer
	if s.pipe {
		if err := s.streams.open(); err != nil {
			return 0, err
		}
		defer s.streams.close()
	}
	defer s.warmth.end(s.pipe)
	return s.run(c)
}

// inside waits until the guest is ready, keeps it for others, runs the command by its agent, and ends the machine with it.
func (s *session) inside() {
	st := s.streams
	defer close(st.done)
	if s.warmth.from == "" {
		if s.m.AwaitListener() != nil {
			return // it has ended, and says how
		}
		if s.pass(WarmReady) != nil {
			return
		}
	}
	conn, err := s.reach()
	if err != nil {
		s.end(StatusBroken, "the guest's agent: "+err.Error())
		return
	}
	st.taken.Store(true)
	close(st.called)
	status, err := s.command(conn)
	var f *fault.Error
	switch {
	case err == nil:
		s.m.Exit(uint8(status))
	case errors.Is(err, errNoSnapshot): // the machine ends, and why has been said
	case errors.As(err, &f) && f.Class == fault.Gone:
		s.gone()
	default:
		s.end(fault.Status(err), fault.Say(err, func(f string) string { return f }))
	}
}

// goes is how long a guest that has let go of its connections may take to end: it has begun to.
const goes = 3 * time.Second

func (s *session) gone() {
	select {
	case <-s.m.Done():
	case <-time.After(goes):
		s.end(StatusBroken, "the guest's agent has gone")
	}
}

// calls is how long a guest that goes on may take to call.
const calls = 60 * time.Second

// reach connects with the guest's agent. One whose command stands still calls, as soon as it knows that the machine is another one. A guest that
// does not is of no use to those who come later either.
func (s *session) reach() (agent.Conn, error) {
	if s.warmth.from != WarmProgram {
		return s.callAgent(context.Background())
	}
	select {
	case c := <-s.warmth.held.came:
		return c, nil
	case <-s.m.Done():
		return nil, machine.ErrEnded
	case <-time.After(calls):
		return nil, errors.Join(fmt.Errorf("it has not called within %v", calls), s.warmth.drop(WarmProgram))
	}
}

// callAgent connects with the guest's agent, if that listens.
func (s *session) callAgent(ctx context.Context) (agent.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-s.m.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	ours, theirs := vsock.Pipe()
	if _, err := s.m.Connect(ctx, agent.Port, theirs); err != nil {
		ours.Close()
		return nil, err
	}
	return ours, nil
}

// command runs the command, on the user's terminal if there is one.
func (s *session) command(conn agent.Conn) (status int, err error) {
	o, st := s.o, s.streams
	e := &enter.Options{
		Name: "the guest", Interactive: true, Stdin: o.Stdin, Stdout: o.Stdout, Stderr: o.Stderr,
		Dial:  func() (agent.Conn, error) { return conn, nil },
		Start: s.start(), Exec: s.exec,
	}
	if e.Start.TTY {
		return enter.Run(e)
	}
	how, err := s.exec(conn, e.Start, agent.Streams{
		Stdin: &input{o.Stdin, s}, Stdout: noted{st, st.out}, Stderr: noted{st, st.errs}, Signals: st.signals,
	})
	var out *agent.OutputError
	if errors.As(err, &out) { // the output says so itself
		<-s.m.Done()
		return 128 + int(syscall.SIGPIPE), nil
	}
	return e.Status(how, err)
}

// start is what the agent is to start.
func (s *session) start() agent.Start {
	argv := s.o.Command
	if len(argv) == 0 {
		argv = []string{"/bin/sh"}
	}
	return agent.Start{Argv: argv, TTY: !s.pipe}
}

// startKey is all of it that a command depends on before its first instruction. The terminal's size is not: it may change later.
func (s *session) startKey() *agent.Start {
	start := s.start()
	if start.TTY {
		start.Env = enter.TerminalEnv()
	}
	return &start
}

// exec has the agent start the command, or go on with the one that stands still.
func (s *session) exec(conn agent.Conn, start agent.Start, st agent.Streams) (agent.Status, error) {
	st.Started = func(uint32) { s.m.Executes() }
	switch {
	case s.warmth.from == WarmProgram:
		return agent.Resume(conn, agent.Size{Rows: start.Rows, Cols: start.Cols}, st)
	case s.warmth.dir(WarmProgram) != "" || s.saved.at == WarmProgram:
		start.Hold = true
		st.Held = func() error { return s.pass(WarmProgram) }
	}
	return agent.Exec(conn, start, st)
}
