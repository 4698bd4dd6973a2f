package session

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"terem/internal/cli/tty"
	"terem/internal/fault"
)

// drain is how long the last output may take on its way to the user's terminal.
const drain = 2 * time.Second

// terminal connects the user's terminal, in raw mode, with the program's own.
type terminal struct {
	s    *session
	raw  *tty.Raw
	out  *tty.Output
	done chan struct{} // closed when all of the program's output is out
}

// askTerminal has the container make a terminal like the user's.
func (s *session) askTerminal() {
	c := &s.o.Config
	cols, rows := tty.Size(c.Stdin)
	c.TTY, c.Columns, c.Rows = true, uint16(cols), uint16(rows)
	if name := os.Getenv("TERM"); name != "" {
		c.Env = append([]string{"TERM=" + name}, c.Env...)
	}
}

// connect starts to pass on what is typed and what is shown. It returns nil if the program
// has no terminal.
func (s *session) connect() (*terminal, error) {
	far := s.k.Terminal()
	if far == nil {
		return nil, nil
	}
	c := &s.o.Config
	t := &terminal{s: s, done: make(chan struct{})}
	var err error
	if t.out, err = tty.NewOutput(c.Stdout, func(error) { _ = s.k.Signal(syscall.SIGHUP) }); err != nil {
		return nil, err
	}
	if t.raw, err = tty.MakeRaw(c.Stdin); err != nil {
		t.out.Close()
		return nil, &fault.Error{Class: fault.Host, Thing: "terminal", Err: err}
	}
	go t.typed(far)
	go t.shown(far)
	go t.watch()
	return t, nil
}

// typed passes on what the user types, but for terem's own keys. It lives as long as the
// process: a read of a terminal cannot be called off.
func (t *terminal) typed(far *os.File) {
	keys := make(chan []byte, 256)
	defer close(keys)
	go func() {
		for p := range keys {
			if _, err := far.Write(p); err != nil {
				return
			}
		}
	}()
	var esc tty.Escape
	buf := make([]byte, 1024)
	for {
		n, err := t.s.o.Config.Stdin.Read(buf)
		if err != nil || n == 0 {
			t.s.end(statusSignal+int(syscall.SIGHUP), "the terminal is gone")
			return
		}
		for rest := buf[:n]; len(rest) > 0; {
			var send []byte
			var action tty.Action
			send, action, rest = esc.Next(rest)
			t.act(action)
			select {
			case keys <- append([]byte(nil), send...):
			default: // the program does not read: keys are lost, as on any terminal
			}
		}
	}
}

// helpText explains the keys; its lines end as a raw terminal needs it.
const helpText = "\r\n" +
	"Ctrl-A x       end the container\r\n" +
	"Ctrl-A Ctrl-A  send Ctrl-A\r\n" +
	"Ctrl-A h       this help\r\n"

func (t *terminal) act(a tty.Action) {
	switch a {
	case tty.Quit:
		t.s.end(0, "ended by Ctrl-A x")
	case tty.Help:
		fmt.Fprint(t.s.o.Config.Stderr, helpText)
	}
}

// shown passes on what the program shows, until the last of its processes has closed the
// terminal.
func (t *terminal) shown(far *os.File) {
	defer close(t.done)
	buf := make([]byte, 32<<10)
	for {
		n, err := far.Read(buf)
		_, _ = t.out.Write(buf[:n]) // a failure is reported to NewOutput's function
		if err != nil {
			return // EIO: nobody has the other end any more
		}
	}
}

// watch follows the size of the user's terminal, and takes it again after a stop.
func (t *terminal) watch() {
	changes := make(chan os.Signal, 1)
	signal.Notify(changes, syscall.SIGWINCH, syscall.SIGCONT)
	defer signal.Stop(changes)
	for {
		select {
		case <-t.s.k.Done():
			return
		case sig := <-changes:
			if sig == syscall.SIGCONT {
				_ = t.raw.Again() // a terminal that is gone ends the input, which says so
			}
			cols, rows := tty.Size(t.s.o.Config.Stdin)
			_ = t.s.k.Resize(uint16(cols), uint16(rows))
		}
	}
}

// disconnect shows the rest of the output and gives the user's terminal back.
func (t *terminal) disconnect() {
	if t == nil {
		return
	}
	select {
	case <-t.done:
	case <-time.After(drain):
	}
	t.out.Stop()
	if err := t.raw.Restore(); err != nil {
		fmt.Fprintf(t.s.o.Config.Stderr, "terem: terminal: %v; `stty sane` restores it\n", err)
	}
}
