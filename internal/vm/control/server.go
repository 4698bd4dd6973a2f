package control

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"terem/internal/fault"
)

// Limits of a client: how long it may take to send its request and to take the reply, how many there may be that do one or the
// other, and how many may wait for the end.
const (
	patience   = 10 * time.Second
	maxClients = 64
	maxWaiters = 512
)

// Server answers on one socket.
type Server struct {
	verbs    Verbs
	listener *net.UnixListener
	clients  sync.WaitGroup
	places   places // of those who ask
	waiters  places // of those who wait for the end

	saving sync.Mutex // held while a snapshot is made

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
	s := &Server{verbs: v, listener: l, places: make(places, maxClients), waiters: make(places, maxWaiters), state: StateRunning}
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
		if !s.places.take() {
			s.clients.Go(func() { turnAway(c) })
			continue
		}
		s.clients.Go(func() {
			q := &client{Conn: c, leave: sync.OnceFunc(s.places.give)}
			defer q.leave()
			defer c.Close()
			s.serve(q)
		})
	}
}

// client is a connection and its place among those who ask.
type client struct {
	net.Conn
	leave func()
}

// places are as many as the channel has room for.
type places chan struct{}

func (p places) take() bool {
	select {
	case p <- struct{}{}:
		return true
	default:
		return false
	}
}

func (p places) give() { <-p }

// crowded is how long one too many has for his request and our answer.
const crowded = 100 * time.Millisecond

func errCrowd() error { return refuse(statusBusy, "too many ask at once; try again") }

// turnAway answers one too many. What he asks is read first: he would not see an answer behind which a socket with something
// unread is closed (unix(7)).
func turnAway(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(crowded))
	if _, err := readRequest(c); err == nil {
		_ = writeReply(c, statusBusy, errorReply{Error: errCrowd().Error()}) // who does not want it has gone
	}
}

// serve answers one request. What cannot be read or written is the client's loss.
func (s *Server) serve(c *client) {
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
	if status == statusTooLarge {
		c.hearOut()
	}
}

// hearOut reads the rest of a body that nobody wants, within bounds: a client that cannot write it to the end would not look for
// the answer.
func (c *client) hearOut() {
	const most = 1 << 20
	_ = c.SetDeadline(time.Now().Add(crowded))
	_, _ = io.CopyN(io.Discard, c, most)
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
