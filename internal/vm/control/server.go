package control

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"terem/internal/fault"
)

// Limits of a client: how long it may take to send its request and to take the reply, and how many there may be.
const (
	patience   = 10 * time.Second
	maxClients = 64
)

// Server answers on one socket.
type Server struct {
	verbs    Verbs
	listener *net.UnixListener
	clients  sync.WaitGroup
	places   chan struct{}

	mu    sync.Mutex // held while a verb changes or measures what runs
	state string
}

// Listen begins to answer on a unix socket at path. The caller owes a Close.
func Listen(path string, v Verbs) (*Server, error) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, &fault.Error{Class: fault.Host, Thing: "socket " + path, Err: err}
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	s := &Server{verbs: v, listener: l, places: make(chan struct{}, maxClients), state: StateRunning}
	s.clients.Go(s.accept)
	return s, nil
}

func (s *Server) accept() {
	for {
		c, err := s.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, most likely
			time.Sleep(10 * time.Millisecond)
			continue
		}
		s.places <- struct{}{}
		s.clients.Go(func() {
			defer func() { <-s.places }()
			defer c.Close()
			s.serve(c)
		})
	}
}

// serve answers one request. What cannot be read or written is the client's loss.
func (s *Server) serve(c net.Conn) {
	_ = c.SetDeadline(time.Now().Add(patience))
	q, err := readRequest(c)
	var bad *httpError
	if err != nil && !errors.As(err, &bad) {
		return
	}
	var reply any
	if err == nil {
		reply, err = s.answer(c, q)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	if err == nil {
		_ = writeReply(c, statusOK, reply)
		return
	}
	status := statusFailed
	if errors.As(err, &bad) {
		status = bad.status
	}
	_ = writeReply(c, status, errorReply{Error: err.Error()})
}

// lastReplies is how long clients that wait for the end have to take it.
const lastReplies = time.Second

// Close ends the server, at or after the end of what runs: who waits for that is told first.
func (s *Server) Close() error {
	err := s.listener.Close()
	told := make(chan struct{})
	go func() { s.clients.Wait(); close(told) }()
	select {
	case <-told:
	case <-time.After(lastReplies):
	}
	return err
}
