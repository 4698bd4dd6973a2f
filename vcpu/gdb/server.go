package gdb

import (
	"net"
	"sync"
)

// Server waits for gdb.
type Server struct {
	l    net.Listener
	t    Target
	quit chan struct{}
	work sync.WaitGroup
	one  chan struct{} // holds a token while a connection is served
}

// Start serves a machine on a listener, until Close.
func Start(l net.Listener, t Target) *Server {
	s := &Server{l: l, t: t, quit: make(chan struct{}), one: make(chan struct{}, 1)}
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

func (s *Server) accept() {
	for {
		conn, err := s.l.Accept()
		if err != nil {
			return
		}
		select {
		case s.one <- struct{}{}:
			s.work.Go(func() {
				defer func() { <-s.one }()
				defer conn.Close()
				newSession(conn, s.t).serve(s.quit)
			})
		default:
			conn.Close() // somebody is there already
		}
	}
}
