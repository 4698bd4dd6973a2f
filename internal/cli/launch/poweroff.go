package launch

import (
	"context"
	"time"

	"terem/internal/vm/agent"
)

// knock is the time between two calls of an agent that does not listen yet.
const knock = 50 * time.Millisecond

// powerOff has the guest shut itself down as its administrator would, with poweroff(8), which every PID 1 understands, and waits
// so long for the end. The ways of Machine.Terminate are for a guest without an agent, or without that program: they ask processes to
// end, and a machine that nobody runs a program in has none but a shell, which ignores SIGTERM.
func (s *session) powerOff(within time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	conn, err := s.await(ctx)
	if err != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := agent.Exec(conn, agent.Start{Argv: []string{"poweroff"}, Detach: true}, agent.Streams{}); err != nil {
		return // there is no such program; or the guest was faster than the answer, and there is nothing to wait for
	}
	select {
	case <-s.m.Done():
	case <-ctx.Done():
	}
}

// await connects with the agent; with that of a guest that still boots, as soon as it listens.
func (s *session) await(ctx context.Context) (agent.Conn, error) {
	for {
		conn, err := s.callAgent(ctx)
		if err == nil {
			return conn, nil
		}
		select {
		case <-time.After(knock):
		case <-s.m.Done():
			return nil, err
		case <-ctx.Done():
			return nil, err
		}
	}
}
