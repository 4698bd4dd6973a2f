package session

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"terem/internal/cli/tty"
	"terem/internal/fault"
)

// drain is how long the last output may take on its way to the user's terminal when terem
// ends the container. Output of a program that has ended by itself is waited for.
const drain = 2 * time.Second

// look is how often a terem in the background looks whether it is in front.
const look = 200 * time.Millisecond

// terminal connects the user's terminal with the program's own.
type terminal struct {
	s    *session
	far  *os.File // the other end of the program's
	out  *tty.Output
	done chan struct{} // closed when all of the program's output is out
	once sync.Once     // hangs up

	mu  sync.Mutex
	raw *tty.Raw // nil: terem has no keyboard
}

// askTerminal has the container make a terminal like the user's for the standard files that
// are one. The others stay what they are.
func (s *session) askTerminal() {
	c := &s.o.Config
	var number uint32
	for i, f := range s.files() {
		n, ok := tty.Number(f)
		if !ok || s.users != nil && n != number {
			continue // a second terminal stays what it is, too
		}
		if s.users == nil {
			s.users, number = f, n
		}
		c.TTY[i] = true
	}
	if s.users == nil {
		return
	}
	cols, rows := tty.Size(s.users)
	c.Columns, c.Rows = uint16(cols), uint16(rows)
	c.PlainOutput = !c.TTY[0] // the user's terminal stays as it is
	if name := os.Getenv("TERM"); name != "" {
		c.Env = append([]string{"TERM=" + name}, c.Env...)
	}
}

func (s *session) files() [3]*os.File {
	return [...]*os.File{s.o.Config.Stdin, s.o.Config.Stdout, s.o.Config.Stderr}
}

// connect starts to pass on what is typed and what is shown. It returns nil if the program
// has no terminal.
func (s *session) connect() (*terminal, error) {
	far := s.k.Terminal()
	if far == nil {
		return nil, nil
	}
	t := &terminal{s: s, far: far, done: make(chan struct{})}
	var err error
	if t.out, err = tty.NewOutput(s.screen(), func(error) { t.hangUp() }); err != nil {
		return nil, err
	}
	if s.o.Config.TTY[0] {
		err = t.start()
	}
	if err != nil {
		t.out.Close()
		return nil, &fault.Error{Class: fault.Host, Thing: "terminal", Err: err}
	}
	go t.shown()
	go t.watch()
	return t, nil
}

// screen is where output goes: the user's terminal, by a file that can be written.
func (s *session) screen() *os.File {
	for _, i := range [...]int{1, 2} {
		if s.o.Config.TTY[i] {
			return s.files()[i]
		}
	}
	return s.users // tty.Output opens it for writing
}

// start takes the keyboard, if terem is in front. A shell's job in the background may run
// and show something, but what is typed is the shell's.
func (t *terminal) start() error {
	if tty.InFront(t.s.users) {
		return t.take()
	}
	go func() {
		for !tty.InFront(t.s.users) {
			select {
			case <-t.s.k.Done():
				return
			case <-time.After(look):
			}
		}
		if t.take() != nil {
			t.hangUp()
		}
	}()
	return nil
}

// take makes the user's terminal raw and reads what is typed.
func (t *terminal) take() (err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.raw, err = tty.MakeRaw(t.s.users); err != nil {
		t.raw = nil
		return err
	}
	go t.typed()
	return nil
}

// typed passes on what the user types, but for terem's own keys. It lives as long as the
// process: a read of a terminal cannot be called off.
func (t *terminal) typed() {
	keys := tty.NewQueue()
	go func() {
		defer keys.Close()
		for {
			p, ok := keys.Take()
			if !ok {
				return
			}
			if _, err := t.far.Write(p); err != nil {
				return // it is closed
			}
		}
	}()
	_ = keys.Type(t.s.users, t.act) // whatever the error is, the terminal is gone
	t.hangUp()
}

// hangUp closes the program's terminal when the user's is gone. The kernel then sends
// SIGHUP to whom it concerns, which does not end a first process that has not said what to
// do with it.
func (t *terminal) hangUp() {
	t.once.Do(func() {
		minds := handles(t.s.k.Pid(), syscall.SIGHUP)
		_ = t.s.k.Close()
		if !minds {
			t.s.end(statusSignal+int(syscall.SIGHUP), "the terminal is gone")
		}
	})
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
		t.s.voice.Say(helpText)
	}
}

// shown passes on what the program shows, until it has ended. It waits for the user's terminal
// as long as that takes nothing.
func (t *terminal) shown() {
	defer close(t.done)
	buf := make([]byte, 32<<10)
	kept := 0 // bytes at the beginning that are not shown yet
	for {
		n, err := t.far.Read(buf[kept:])
		n += kept
		kept = 0
		if err != nil {
			_, _ = t.out.Write(buf[:n]) // a failure is reported to NewOutput's function
			return                      // EIO: the program has ended
		}
		text := buf[:n]
		if t.doubled() {
			text, kept = once(text)
		}
		_, _ = t.out.Write(text)
		copy(buf, buf[n-kept:n])
	}
}

// allShown is closed when all output is out; nil if there is none to wait for.
func (t *terminal) allShown() <-chan struct{} {
	if t == nil {
		return nil
	}
	return t.done
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
				t.again()
			}
			cols, rows := tty.Size(t.s.users)
			_ = t.s.k.Resize(uint16(cols), uint16(rows))
		}
	}
}

// again makes the user's terminal raw once more, after a stop.
func (t *terminal) again() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.raw != nil {
		_ = t.raw.Again() // a terminal that is gone ends the input, which says so
	}
}

// disconnect gives the user's terminal back.
func (t *terminal) disconnect() {
	if t == nil {
		return
	}
	t.out.Stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.raw == nil {
		return
	}
	if err := t.raw.Restore(); err != nil {
		t.s.say(fmt.Sprintf("terminal: %v; `stty sane` restores it", err))
	}
}
