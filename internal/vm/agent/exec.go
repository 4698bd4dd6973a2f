package agent

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"syscall"
)

// Conn is a connection with the guest's agent.
type Conn interface {
	io.Reader
	io.Writer
	Close() error // makes a Read and a Write come back
}

// Size is a terminal's.
type Size struct{ Rows, Cols uint16 }

// Streams are the caller's ends. Each may be nil: an input that ends at once, an output that nobody wants.
type Streams struct {
	// Stdin is read when the program has been started, and not much further than it reads. A Read that waits does not hold up
	// the end, and is left alone.
	Stdin          io.Reader
	Stdout, Stderr io.Writer // called by one goroutine; one that waits makes the program wait
	Resize         <-chan Size
	Signals        <-chan syscall.Signal // for the process's group; of Attach, for all processes of the guest
	Started        func(pid uint32)      // the program is being executed
	Held           func() error          // the program stands still at its first instruction, and goes on if this comes back without an error (Start.Hold)
}

// maxSignal is Linux's last.
const maxSignal = 64

// Status is how a process ended.
type Status struct {
	Code   int
	Signal syscall.Signal // 0: it exited with Code
}

// Exit is the exit status that a shell has for it.
func (s Status) Exit() int {
	if s.Signal != 0 {
		return 128 + int(s.Signal)
	}
	return s.Code
}

// Exec starts a program, carries its streams, and waits for its end; detached, for its start alone. It closes conn.
//
// The error is a *StartError if the guest cannot start it, an *OutputError, a *ProtocolError, or ErrGone.
func Exec(conn Conn, s Start, st Streams) (Status, error) {
	first, err := s.frame()
	if err != nil {
		return Status{}, errors.Join(err, conn.Close())
	}
	return (&session{conn: conn, st: st, signal: signal, detach: s.Detach, hold: s.Hold, size: Size{s.Rows, s.Cols}}).run(first)
}

// Attach is Exec for a connection on which the guest has begun by itself.
func Attach(conn Conn, st Streams) (Status, error) {
	return (&session{conn: conn, st: st, signal: signalAll}).run(nil)
}

// Resume is Exec for a program that stood still when a snapshot was taken, of which this machine was made: its agent has called, on this connection. If the program
// is on a terminal, it gets that size before it goes on.
func Resume(conn Conn, size Size, st Streams) (Status, error) {
	st.Held = nil
	return (&session{conn: conn, st: st, signal: signal, hold: true, size: size}).run(nil)
}

// session is a connection in use.
type session struct {
	conn   Conn
	st     Streams
	signal kind // the one that Signals become
	detach bool
	hold   bool          // the program stands still, or will: HELD may come
	size   Size          // of its terminal then
	begun  bool          // STARTED has come
	going  chan struct{} // closed when it has
	done   chan struct{} // closed at the end

	mouth  sync.Mutex // for one frame at a time
	credit *credit
}

func (s *session) run(first []byte) (Status, error) {
	s.done, s.going, s.credit = make(chan struct{}), make(chan struct{}), newCredit()
	var going <-chan struct{}
	if s.hold {
		going = s.going
	}
	// A guest that refuses may say so before it has heard anything.
	go s.begin(first, going)
	status, err := s.listen()
	close(s.done)
	s.credit.end()
	s.conn.Close() // all has been said: an error would be of no use to anybody
	return status, err
}

// begin says what to start, and then what else there is to say but the input. Signals wait until the program is going, if that is to be
// waited for: one that comes to a program that stands still is in the snapshot of it.
func (s *session) begin(first []byte, going <-chan struct{}) {
	if len(first) > 0 && s.say(first) != nil {
		return // listen hears of it
	}
	resizes, signals := s.st.Resize, s.st.Signals
	if going != nil {
		signals = nil
	}
	for resizes != nil || signals != nil || going != nil {
		var b []byte
		select {
		case <-s.done:
			return
		case <-going:
			going, signals = nil, s.st.Signals
			continue
		case size, ok := <-resizes:
			if !ok {
				resizes = nil
				continue
			}
			b = size.frame(resize)
		case sig, ok := <-signals:
			if !ok {
				signals = nil
				continue
			}
			if sig < 1 || sig > maxSignal {
				continue
			}
			b = appendFrame(nil, s.signal, byte(sig))
		}
		if s.say(b) != nil {
			return
		}
	}
}

// say sends a frame.
func (s *session) say(frame []byte) error {
	s.mouth.Lock()
	defer s.mouth.Unlock()
	_, err := s.conn.Write(frame)
	return err
}

// listen hears what the guest says until it has said how it ends.
func (s *session) listen() (Status, error) {
	r := bufio.NewReaderSize(s.conn, 2*maxFrame)
	for {
		h, err := next(r)
		if err != nil {
			return Status{}, err
		}
		switch h.kind {
		case exit:
			return readExit(r, h)
		case failure:
			return Status{}, readFailure(r, h)
		}
		if err := s.hear(r, h); err != nil {
			return Status{}, err
		}
		if s.detach && s.begun {
			return Status{}, nil
		}
	}
}

// hear takes a frame that is not the last.
func (s *session) hear(r *bufio.Reader, h head) error {
	if s.begun == (h.kind == started || h.kind == held) {
		return protocol("a frame %d where it has no place", h.kind)
	}
	switch h.kind {
	case held:
		return s.held(r, h)
	case started:
		p, err := short(r, h, 4, 4)
		if err != nil {
			return err
		}
		s.begun = true
		close(s.going)
		if s.st.Started != nil {
			s.st.Started(binary.LittleEndian.Uint32(p))
		}
		if !s.detach {
			go s.input()
		}
		return nil
	case taken:
		p, err := short(r, h, 4, 4)
		if err != nil {
			return err
		}
		return s.credit.give(binary.LittleEndian.Uint32(p))
	case stdout:
		return output("standard output", s.st.Stdout, r, h)
	case stderr:
		return output("standard error", s.st.Stderr, r, h)
	}
	return protocol("a frame %d, which there is not", h.kind)
}

// held has the caller do what he wants to do while the program stands still, and lets that go on.
func (s *session) held(r *bufio.Reader, h head) error {
	if !s.hold {
		return protocol("that its program stands still, which nobody has asked for")
	}
	if _, err := short(r, h, 4, 4); err != nil {
		return err
	}
	s.hold = false
	if s.st.Held != nil {
		if err := s.st.Held(); err != nil {
			return err
		}
	}
	s.tell(s.size.frame(goOn))
	return nil
}

// frame is a frame with that size.
func (z Size) frame(k kind) []byte {
	return appendFrame(nil, k, byte(z.Rows), byte(z.Rows>>8), byte(z.Cols), byte(z.Cols>>8))
}

// sink is a stream of the caller's, whose error is told from that of the connection.
type sink struct {
	name string
	w    io.Writer
}

func (s sink) Write(p []byte) (int, error) {
	if s.w == nil {
		return len(p), nil
	}
	n, err := s.w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		err = &OutputError{s.name, err}
	}
	return n, err
}

func output(name string, w io.Writer, r *bufio.Reader, h head) error {
	return pass(sink{name, w}, r, h.size)
}

// Port is where the agent listens in the guest, and where the host listens for a guest that begins by itself. Below 1024 a
// guest's kernel lets root alone listen: no user of the guest can be there in the agent's stead.
const Port = 1020
