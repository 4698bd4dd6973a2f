package gdb

import (
	"net"
	"sync"
	"time"
)

// Server waits for gdb.
type Server struct {
	l     net.Listener
	t     Target
	quit  chan struct{}
	work  sync.WaitGroup
	crowd chan struct{} // a token for each that is being told that there is no place
}

// maxCrowd is how many are told at a time, and toAsk how long each may take to ask. Others are closed at once.
const (
	maxCrowd = 8
	toAsk    = time.Minute
)

// Start serves a machine on a listener, until Close.
func Start(l net.Listener, t Target) *Server {
	s := &Server{l: l, t: t, quit: make(chan struct{}), crowd: make(chan struct{}, maxCrowd)}
	s.work.Go(s.accept)
	return s
}

// Close stops listening, and ends a conversation that goes on, which is told how the machine has ended, if it has.
func (s *Server) Close() error {
	err := s.l.Close()
	close(s.quit)
	s.work.Wait()
	return err
}

// accept gives one connection the place. It has it until it ends, but one that has said nothing yet loses it to the next.
func (s *Server) accept() {
	var now *session
	for {
		conn, err := s.l.Accept()
		if err != nil {
			return
		}
		if now != nil && !now.over() {
			s.refuse(conn)
			continue
		}
		now = newSession(conn, s.t)
		s.work.Go(now.run(s.quit))
	}
}

// run is the session from its beginning to its end.
func (s *session) run(quit <-chan struct{}) func() {
	return func() {
		defer close(s.gone)
		defer s.conn.Close()
		s.serve(quit)
	}
}

// over says whether the session has ended, and ends one that has said nothing.
func (s *session) over() bool {
	if s.place.CompareAndSwap(lent, lost) {
		s.conn.Close()
		<-s.gone
	}
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

// refuse tells a gdb that there is another. It can be told only as an answer.
func (s *Server) refuse(conn net.Conn) {
	select {
	case s.crowd <- struct{}{}:
	default:
		conn.Close()
		return
	}
	s.work.Go(func() {
		defer func() { <-s.crowd }()
		defer conn.Close()
		newSession(conn, s.t).refuse(s.quit)
	})
}

func (s *session) refuse(quit <-chan struct{}) {
	messages := make(chan message)
	over := make(chan struct{})
	defer close(over)
	go listen(s.conn, messages, over)
	late := time.After(toAsk)
	for {
		select {
		case m, ok := <-messages:
			if !ok {
				return
			}
			if m.kind == packet {
				_ = s.send([]byte("+"))
				_ = s.reply("E.another gdb is connected to this machine") // it need not read that
				return
			}
		case <-late:
			return
		case <-quit:
			return
		}
	}
}
