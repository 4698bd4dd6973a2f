package control

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"time"

	"terem/internal/fault"
)

// guestPatience bounds the wait for what a guest says of itself.
const guestPatience = 2 * time.Second

// done is the reply of a verb that has nothing to say.
type done struct{}

// handler carries one verb out.
type handler func(s *Server, c *client, body []byte) (any, error)

// routes are the verbs, by path and method.
var routes = map[string]map[string]handler{
	"/v1/info":     {"GET": (*Server).info},
	"/v1/stats":    {"GET": (*Server).stats},
	"/v1/exits":    {"GET": (*Server).exits},
	"/v1/wait":     {"GET": (*Server).wait},
	"/v1/pause":    {"POST": (*Server).pause},
	"/v1/resume":   {"POST": (*Server).resume},
	"/v1/stop":     {"POST": (*Server).stop},
	"/v1/kill":     {"POST": (*Server).kill},
	"/v1/balloon":  {"PUT": (*Server).balloon},
	"/v1/snapshot": {"POST": (*Server).snapshot},
}

func (s *Server) answer(c *client, q request) (any, error) {
	methods, ok := routes[q.path]
	if !ok {
		return nil, refuse(statusNotFound, "nothing is at %s", q.path)
	}
	h, ok := methods[q.method]
	if !ok {
		return nil, refuse(statusNotAllowed, "%s does not take %s", q.path, q.method)
	}
	return h(s, c, q.body)
}

// lacks is the error of a verb that is nothing to what runs here.
func lacks(why string) error { return refuse(statusConflict, "%s", why) }

// ended says whether it has ended.
func (s *Server) ended() bool {
	select {
	case <-s.verbs.Ended:
		return true
	default:
		return false
	}
}

func (s *Server) info(*client, []byte) (any, error) {
	info := s.verbs.Info()
	s.mu.Lock()
	defer s.mu.Unlock()
	info.State = s.state
	if s.ended() {
		info.State = StateEnded
	}
	return info, nil
}

func (s *Server) stats(*client, []byte) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), guestPatience)
	defer cancel()
	if s.verbs.Stats == nil {
		return nil, lacks("nobody knows what it uses")
	}
	return s.verbs.Stats(ctx)
}

// exits pauses a machine for the moment: its ledgers belong to its vCPUs.
func (s *Server) exits(*client, []byte) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.verbs.Exits == nil {
		return nil, lacks("its exits are not counted: those of a machine are, if that is asked for at its start")
	}
	return s.verbs.Exits()
}

func (s *Server) pause(*client, []byte) (any, error)  { return s.change(s.verbs.Pause, StatePaused) }
func (s *Server) resume(*client, []byte) (any, error) { return s.change(s.verbs.Resume, StateRunning) }

// change brings a state about. One that is there already is no mistake.
func (s *Server) change(do func() error, state string) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case do == nil:
		return nil, lacks("it cannot be paused")
	case s.ended():
		return nil, refuse(statusConflict, "it has ended")
	case s.state == state:
		return done{}, nil
	}
	if err := do(); err != nil {
		return nil, err
	}
	s.state = state
	return done{}, nil
}

// stop needs the processors back for what it asks.
func (s *Server) stop(c *client, body []byte) (any, error) {
	q := stopRequest{Seconds: 10}
	if err := read(body, &q); err != nil {
		return nil, err
	}
	if !(q.Seconds >= 0) || q.Seconds > math.MaxInt32 {
		return nil, refuse(statusBadRequest, "seconds %v: want 0 or more", q.Seconds)
	}
	if !s.ended() {
		if s.verbs.Resume != nil {
			_, _ = s.change(s.verbs.Resume, StateRunning) // if it cannot, the time of grace runs out
		}
		s.verbs.Stop(time.Duration(q.Seconds * float64(time.Second)))
	}
	return s.wait(c, nil)
}

func (s *Server) kill(c *client, _ []byte) (any, error) {
	s.verbs.Kill()
	return s.wait(c, nil)
}

// wait waits as long as it takes, or until the client goes.
func (s *Server) wait(c *client, _ []byte) (any, error) {
	gone, leave, err := s.linger(c)
	if err != nil {
		return nil, err
	}
	defer leave()
	select {
	case <-s.verbs.Ended:
		return s.verbs.End(), nil
	case <-gone.Done():
		return nil, refuse(statusBadRequest, "the client has gone")
	}
}

// linger lets a client stay for as long as it takes. The context ends when it goes, or at leave, which the caller owes.
func (s *Server) linger(c *client) (ctx context.Context, leave func(), err error) {
	if !s.waiters.take() {
		return nil, nil, errCrowd()
	}
	c.leave()
	_ = c.SetDeadline(time.Time{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = c.Read(make([]byte, 1)) // a client has nothing more to say: this is its end, or ours
		cancel()
	}()
	return ctx, func() { cancel(); s.waiters.give() }, nil
}

func (s *Server) balloon(_ *client, body []byte) (any, error) {
	var q balloonRequest
	if err := read(body, &q); err != nil {
		return nil, err
	}
	if q.Bytes == nil {
		return nil, refuse(statusBadRequest, "the body lacks bytes: how much memory the guest is to give back")
	}
	if s.verbs.Balloon == nil {
		return nil, lacks("it has no balloon: a machine has one, if that is asked for at its start")
	}
	if err := s.verbs.Balloon(*q.Bytes); err != nil {
		return nil, refuse(statusConflict, "%v", err)
	}
	return done{}, nil
}

// snapshot takes as long as the memory takes, and gives up if the client goes.
func (s *Server) snapshot(c *client, body []byte) (any, error) {
	var q Snapshot
	if err := read(body, &q); err != nil {
		return nil, err
	}
	switch {
	case !filepath.IsAbs(q.Dir):
		return nil, refuse(statusBadRequest, "dir %q: want an absolute path", q.Dir)
	case s.verbs.Snapshot == nil:
		return nil, lacks("only a machine has snapshots")
	case s.ended():
		return nil, refuse(statusConflict, "it has ended")
	}
	ctx, leave, err := s.linger(c)
	if err != nil {
		return nil, err
	}
	defer leave()
	if !s.saving.TryLock() {
		return nil, refuse(statusConflict, "another snapshot of it is being made")
	}
	defer s.saving.Unlock()
	err = s.verbs.Snapshot(ctx, q)
	if errors.Is(err, context.Canceled) {
		err = errors.New("it ended before the snapshot was made")
	}
	if err != nil {
		return nil, refuse(statusConflict, "%s", fault.Say(err, flag))
	}
	return done{}, nil
}

// flag is a field as people know it.
func flag(field string) string {
	return "--" + strings.ToLower(field)
}

// read reads a body, which may be left out.
func read(body []byte, into any) error {
	if len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return refuse(statusBadRequest, "the body: %v", err)
	}
	return nil
}
