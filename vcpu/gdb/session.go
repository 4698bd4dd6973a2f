package gdb

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// patience is how long a client may take to read an answer. All answers together are no longer than a few packets, so one that takes
// none of it for so long does not read.
const patience = 5 * time.Second

// session is one connection.
type session struct {
	t        Target
	conn     net.Conn
	patience time.Duration

	acks    bool   // each packet is acknowledged
	last    []byte // the last answer, in case it is wanted again
	met     bool   // it speaks the protocol: the machine stands for it
	running bool   // the machine runs, and gdb waits for its stop
	stop    Stop   // why it stands
	thread  int    // the vCPU of g, m and the like
	points  []Breakpoint
	told    int // how many of them gdb was told not to work yet

	place atomic.Int32 // whether it has its place for good
	gone  chan struct{}
}

// What may become of a session's place.
const (
	lent  = iota // it has said nothing, and who comes next gets its place
	taken        // it speaks the protocol
	lost         // another has it
)

// errOver ends a session that has nothing more to say.
var errOver = errors.New("the session is over")

func newSession(conn net.Conn, t Target) *session {
	return &session{t: t, conn: conn, patience: patience, acks: true, gone: make(chan struct{})}
}

// serve has the conversation until either side ends it.
func (s *session) serve(quit <-chan struct{}) {
	messages := make(chan message)
	over := make(chan struct{})
	defer close(over)
	go listen(s.conn, messages, over)
	for err := error(nil); err == nil; {
		err = s.next(messages, quit)
	}
	if s.running || len(s.points) > 0 {
		s.leave()
	}
}

// listen hands on what gdb says, until the connection ends. gdb waits for the answer to its first packet before it says more. Who does not is not
// gdb: an HTTP request can begin with a packet, as its method.
func listen(conn net.Conn, to chan<- message, over <-chan struct{}) {
	defer close(to)
	first := true
	for r := bufio.NewReader(conn); ; {
		m, err := readMessage(r)
		if err != nil || first && m.kind == packet && r.Buffered() > 0 {
			return
		}
		first = first && m.kind != packet
		select {
		case to <- m:
		case <-over:
			return
		}
	}
}

// next waits for what happens next and answers it.
func (s *session) next(messages <-chan message, quit <-chan struct{}) error {
	var wake <-chan struct{}
	if s.running {
		wake = s.t.Wake()
	}
	select {
	case m, ok := <-messages:
		if !ok {
			return errOver
		}
		return s.hear(m)
	case <-wake:
		return s.halt(false)
	case <-s.t.Done():
	case <-quit:
	}
	s.farewell()
	return errOver
}

// farewell tells a gdb that waits how the machine has ended.
func (s *session) farewell() {
	select {
	case <-s.t.Done():
		if s.running {
			_ = s.reply(fmt.Sprintf("W%02x", s.t.Status())) // there is nobody to tell that it was lost
		}
	default:
	}
}

func (s *session) hear(m message) error {
	switch m.kind {
	case nack:
		return s.send(s.last)
	case broken:
		if s.acks {
			return s.send([]byte("-"))
		}
	case interrupt:
		if s.running {
			return s.halt(true)
		}
	case packet:
		if s.acks {
			if err := s.send([]byte("+")); err != nil {
				return err
			}
		}
		if s.running {
			return nil // gdb has nothing to say then
		}
		if err := s.meet(); err != nil {
			return err
		}
		return s.command(m.text)
	}
	return nil
}

// meet stops the machine for one who speaks the protocol: gdb takes it for stopped. Who only knocks stops nothing.
func (s *session) meet() (err error) {
	if s.met {
		return nil
	}
	if !s.place.CompareAndSwap(lent, taken) {
		return errOver
	}
	s.met = true
	s.stop, err = s.t.Halt()
	s.thread = s.stop.CPU
	return err
}

// halt stops the machine and says so. wanted says that gdb has asked for it.
func (s *session) halt(wanted bool) error {
	stop, err := s.t.Halt()
	if err != nil {
		return err
	}
	s.running, s.stop, s.thread = false, stop, stop.CPU
	text := s.why()
	if wanted && stop.Why == Interrupted {
		text = "T02" + text[3:] // SIGINT
	}
	return s.reply(text)
}

// why is a stop reply.
func (s *session) why() string {
	text := fmt.Sprintf("T05thread:%x;", s.stop.CPU+1)
	if s.stop.Why != Hit {
		return text
	}
	switch s.stop.At.Kind {
	case Software:
		text += "swbreak:;"
	case Hardware:
		text += "hwbreak:;"
	case Write:
		text += fmt.Sprintf("watch:%x;", s.stop.At.Addr)
	case Access:
		text += fmt.Sprintf("awatch:%x;", s.stop.At.Addr)
	}
	return text
}

// leave takes the breakpoints of a gdb that is gone. A machine that runs stands for that moment; then all of it runs, also what only one vCPU
// was to do.
func (s *session) leave() {
	if s.running {
		if _, err := s.t.Halt(); err != nil {
			return
		}
	}
	err := s.t.SetBreakpoints(s.thread, nil)
	if s.running && err == nil {
		_ = s.t.Resume(all(s.t, Go)) // whoever waits for the machine hears of its end
	}
}

func all(t Target, a Action) []Action {
	what := make([]Action, t.CPUs())
	for i := range what {
		what[i] = a
	}
	return what
}

func (s *session) reply(text string) error {
	s.last = frame(text)
	return s.send(s.last)
}

func (s *session) send(b []byte) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.patience)); err != nil {
		return err
	}
	_, err := s.conn.Write(b)
	return err
}
