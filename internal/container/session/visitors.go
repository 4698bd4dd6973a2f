package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"terem/devices/virtio/vsock"
	"terem/internal/container"
	"terem/internal/vm/agent"
)

// visitors are the programs that `terem exec` and `terem cp` start. They are reached as those of a machine are, though there
// is no vsock and no guest: by a socket that is asked for the agent's port, and speaks the agent's protocol then.
type visitors struct {
	k *container.Container

	mu      sync.Mutex
	conns   map[vsock.Stream]bool
	ended   bool
	serving sync.WaitGroup
}

// maxVisitors is how many connections there may be at once, as in a guest.
const maxVisitors = 512

// Connect serves a connection. It is what the socket calls.
func (v *visitors) Connect(_ context.Context, port uint32, s vsock.Stream) (uint32, error) {
	if port != agent.Port {
		return 0, fmt.Errorf("a container has no port but the agent's, %d", agent.Port)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.ended:
		return 0, container.ErrEnded
	case v.k.Paused():
		return 0, errors.New("it is paused")
	case len(v.conns) == maxVisitors:
		return 0, errors.New("it has as many connections as it takes")
	}
	if v.conns == nil {
		v.conns = map[vsock.Stream]bool{}
	}
	v.conns[s] = true
	v.serving.Go(func() {
		agent.Serve(s, v)
		v.mu.Lock()
		delete(v.conns, s)
		v.mu.Unlock()
	})
	return agent.Port, nil
}

// close ends the connections, at the container's end.
func (v *visitors) close() {
	v.mu.Lock()
	v.ended = true
	for c := range v.conns {
		c.Close()
	}
	v.mu.Unlock()
	v.serving.Wait()
}

// Start starts a program for a connection.
func (v *visitors) Start(s agent.Start, files [3]*os.File) (agent.Process, error) {
	for _, f := range files {
		if f != nil {
			_ = f.Chmod(everybodyOpens) // or the program, which is nobody's out here, could not open it anew
		}
	}
	p, err := v.k.Exec(container.Program{
		Argv: s.Argv, Env: s.Env, Dir: s.Dir, User: s.User, TTY: s.TTY, Columns: s.Cols, Rows: s.Rows,
		Stdin: files[0], Stdout: files[1], Stderr: files[2],
	})
	var no *container.Refusal
	switch {
	case errors.As(err, &no):
		return nil, &agent.StartError{Errno: no.Errno, Step: no.Step}
	case err != nil:
		return nil, agent.ErrGone
	}
	return process{p}, nil
}

const everybodyOpens = 0o666

// process is a container's as the agent's protocol has it.
type process struct{ *container.Process }

func (p process) Pid() uint32 { return uint32(p.InnerPid()) }

func (p process) Resize(s agent.Size) {
	_ = p.Process.Resize(s.Cols, s.Rows) // a terminal that is closed has no size
}

func (p process) Wait() (agent.Status, error) {
	o, err := p.Process.Wait()
	if err != nil {
		return agent.Status{}, agent.ErrGone
	}
	return agent.Status{Code: o.Status, Signal: o.Signal}, nil
}
