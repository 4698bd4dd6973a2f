package enter

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"terem/internal/cli/signals"
	"terem/internal/cli/tty"
	"terem/internal/fault"
	"terem/internal/running"
	"terem/internal/vm/agent"
	"terem/internal/vm/control"
)

// Options are what the user asked `terem exec` for.
type Options struct {
	Name        string // of the machine
	Start       agent.Start
	Interactive bool // standard input goes to the program
	Quiet       bool
	Dial        func() (agent.Conn, error)                                         // nil: by the name
	Exec        func(agent.Conn, agent.Start, agent.Streams) (agent.Status, error) // nil: agent.Exec

	Stdin, Stdout, Stderr *os.File
}

// session is one program.
type session struct {
	o       *Options
	streams agent.Streams
	sent    chan syscall.Signal
	sizes   chan agent.Size
	quit    chan struct{} // closed by Ctrl-A x
	raw     *tty.Raw
}

// Run starts a program in a machine and waits for its end. The status is the program's.
func Run(o *Options) (status int, err error) {
	s := &session{o: o, sent: make(chan syscall.Signal, 4), sizes: make(chan agent.Size, 1), quit: make(chan struct{})}
	if o.Start.TTY && !tty.IsTerminal(o.Stdin) {
		return 0, &fault.Error{Class: fault.Usage, Thing: fault.Field("TTY"), Cause: "standard input is no terminal", Mend: "leave it out"}
	}
	s.streams = agent.Streams{Stdout: o.Stdout, Stderr: o.Stderr, Signals: s.sent}
	if o.Start.TTY {
		s.askTerminal()
	}
	if err := o.Start.Check(); err != nil {
		return 0, &fault.Error{Class: fault.Usage, Thing: o.Name, Err: err}
	}
	if o.Dial == nil {
		o.Dial = func() (agent.Conn, error) { return Dial(o.Name) }
	}
	if o.Exec == nil {
		o.Exec = agent.Exec
	}
	c, err := o.Dial()
	if err != nil {
		return 0, err
	}
	heard := make(chan os.Signal, 4)
	signals.Listen(heard, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	defer signal.Stop(heard)
	if err := s.connect(); err != nil {
		return 0, errors.Join(err, c.Close())
	}
	defer s.disconnect()
	type result struct {
		status agent.Status
		err    error
	}
	ended := make(chan result, 1)
	go func() {
		st, err := o.Exec(c, o.Start, s.streams)
		ended <- result{st, err}
	}()
	for told := false; ; {
		select {
		case r := <-ended:
			return o.Status(r.status, r.err)
		case <-s.quit:
			fmt.Fprint(o.Stderr, "\r\nterem: left by Ctrl-A x\r\n") // the cursor may be anywhere
			return 0, c.Close()                                     // the program gets SIGHUP
		case sig := <-heard:
			n := sig.(syscall.Signal)
			if told { // it does not heed the first
				return 128 + int(n), c.Close()
			}
			told = true
			s.sent <- n
		}
	}
}

// Status is the exit status for the way in which it ended.
func (o *Options) Status(st agent.Status, err error) (int, error) {
	var start *agent.StartError
	var out *agent.OutputError
	program := o.Start.Argv[0]
	switch {
	case err == nil:
		return st.Exit(), nil
	case errors.As(err, &start) && start.Exit() == fault.StatusNoProgram:
		return 0, &fault.Error{Class: fault.NoProgram, Thing: program, Err: o.inItsWords(start)}
	case errors.As(err, &start):
		return 0, &fault.Error{Class: fault.NotExecutable, Thing: program, Err: o.inItsWords(start)}
	case errors.As(err, &out) && errors.Is(err, syscall.EPIPE):
		return 128 + int(syscall.SIGPIPE), nil
	case errors.As(err, &out):
		return 0, &fault.Error{Class: fault.Host, Thing: out.Stream, Err: out.Err}
	case errors.Is(err, agent.ErrGone):
		return 0, &fault.Error{Class: fault.Gone, Thing: o.Name, Cause: fmt.Sprintf("it ended before %s did", program), Mend: "see `terem ps`"}
	}
	return 0, &fault.Error{Class: fault.Guest, Thing: o.Name, Err: err}
}

// inItsWords says what failed of a container, which is no guest.
func (o *Options) inItsWords(e *agent.StartError) error {
	dir, err := running.Find(running.Root(), o.Name)
	if err != nil {
		return e
	}
	info, err := control.Client{Path: filepath.Join(dir, running.ControlSocket)}.Info()
	if err != nil || info.Kind != control.KindContainer {
		return e
	}
	return errors.New(e.In("the container"))
}

// askTerminal has the guest make a terminal like the user's.
func (s *session) askTerminal() {
	cols, rows := tty.Size(s.o.Stdin)
	s.o.Start.Cols, s.o.Start.Rows = uint16(cols), uint16(rows)
	s.o.Start.Env = append(TerminalEnv(), s.o.Start.Env...)
	s.streams.Resize = s.sizes
}

// TerminalEnv is what a program's environment has to say of the user's terminal.
func TerminalEnv() []string {
	if term := os.Getenv("TERM"); term != "" {
		return []string{"TERM=" + term}
	}
	return nil
}

// connect connects what is typed, or standard input as it is.
func (s *session) connect() (err error) {
	switch {
	case !s.o.Interactive:
		return nil
	case !s.o.Start.TTY:
		s.streams.Stdin = s.o.Stdin
		return nil
	}
	if s.raw, err = tty.MakeRaw(s.o.Stdin); err != nil {
		s.raw = nil
		return &fault.Error{Class: fault.Host, Thing: "terminal", Err: err}
	}
	keys := tty.NewQueue()
	s.streams.Stdin = &typed{q: keys}
	go func() {
		_ = keys.Type(s.o.Stdin, s.act) // the program's input ends with the terminal
	}()
	go s.watchSize()
	return nil
}

func (s *session) act(a tty.Action) {
	switch a {
	case tty.Quit:
		close(s.quit)
		select {} // nothing that is typed after it counts
	case tty.Help:
		fmt.Fprint(s.o.Stderr, helpText)
	}
}

const helpText = "\r\n" +
	"Ctrl-A x       leave the program, which gets a hangup\r\n" +
	"Ctrl-A Ctrl-A  send Ctrl-A\r\n" +
	"Ctrl-A h       this help\r\n"

// watchSize tells the guest of the terminal's size, as often as it changes.
func (s *session) watchSize() {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	for range changed {
		cols, rows := tty.Size(s.o.Stdin)
		s.sizes <- agent.Size{Rows: uint16(rows), Cols: uint16(cols)}
	}
}

func (s *session) disconnect() {
	if s.raw != nil {
		_ = s.raw.Restore() // a terminal that has gone
	}
}

// typed reads what was typed.
type typed struct {
	q    *tty.Queue
	rest []byte
}

func (t *typed) Read(p []byte) (int, error) {
	for len(t.rest) == 0 {
		b, ok := t.q.Take()
		if !ok {
			return 0, io.EOF
		}
		t.rest = b // nothing for a break
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}
