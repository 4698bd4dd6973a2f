package spawn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// ErrLate says that a program did not do in time what was waited for.
var ErrLate = errors.New("took too long")

// errCancelled says that the descriptor that calls a watch off became readable.
var errCancelled = errors.New("cancelled")

// Pauses between two looks at what nothing wakes the watcher for: long enough not to be
// felt, short enough that no pipe fills meanwhile.
const (
	firstPause = 4 * time.Millisecond
	lastPause  = 100 * time.Millisecond
)

// watch reads what the program says and notes its end, until done says so. cancel is a
// descriptor that ends the watch when it becomes readable; -1: none.
//
// A program is slowed down by each wake-up that it causes, by some three microseconds:
// the first byte of output causes one, unless it is to be late, and the end another.
// All other output is taken when a pause is over.
func (p *Process) watch(cancel int, limit time.Duration, done func() bool) error {
	deadline, pause := Now()+int64(limit), firstPause
	for late := false; !done(); {
		left := max(deadline-Now(), 0)
		if late {
			return fmt.Errorf("%w: nothing in %v", ErrLate, limit.Round(time.Second/10))
		}
		late = left == 0 // one look more
		out := p.pipes[0]
		if p.late || p.First != 0 {
			out = -1 // poll(2) ignores it
		}
		fds := []unix.PollFd{{Fd: int32(p.pidfd), Events: unix.POLLIN}, {Fd: int32(cancel), Events: unix.POLLIN},
			{Fd: int32(out), Events: unix.POLLIN}}
		const round = int64(time.Millisecond)
		n, err := unix.Poll(fds, int((min(left, int64(pause))+round-1)/round))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("poll: %w", err)
		}
		now := Now()
		switch {
		case fds[0].Revents != 0:
			p.end(now)
		case fds[1].Revents != 0:
			return errCancelled
		case fds[2].Revents != 0:
			p.drain(0, now)
		case n == 0 && !p.late:
			p.drain(0, now)
			p.drain(1, now)
			pause = min(2*pause, lastPause)
		}
	}
	return nil
}

// end notes that the program is gone, and takes what is left in its pipes. Others may hold
// them open: a helper that an engine leaves behind.
func (p *Process) end(now int64) {
	p.reap()
	p.Ended = now
	p.drain(0, now)
	p.drain(1, now)
	unix.Close(p.pidfd)
	p.pidfd = -1
}

// drain reads what is there of standard output (0) or error (1), but no more than a pipe
// holds: a program that writes faster than is read would never let it end.
func (p *Process) drain(which int, now int64) {
	const pipeSize = 64 << 10 // pipe(7)
	var buf [4096]byte
	for got := 0; p.pipes[which] >= 0 && got < pipeSize; {
		n, err := unix.Read(p.pipes[which], buf[:])
		got += max(n, 0)
		switch {
		case n > 0 && which == 0:
			if p.First == 0 && !p.late {
				p.First = now
			}
			p.Out.Write(buf[:n])
		case n > 0:
			p.Err.Write(buf[:n])
		case errors.Is(err, unix.EAGAIN):
			return
		case errors.Is(err, unix.EINTR):
		default: // the end, or an error of a pipe's, which there is none of
			unix.Close(p.pipes[which])
			p.pipes[which] = -1
		}
	}
}

// cancel turns the end of a context into a descriptor that becomes readable.
type cancel struct {
	fd   int
	stop func() bool
	over chan struct{}
}

func newCancel(ctx context.Context) (*cancel, error) {
	if ctx.Done() == nil {
		return &cancel{fd: -1}, nil
	}
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	c := &cancel{fd: fd, over: make(chan struct{})}
	c.stop = context.AfterFunc(ctx, func() {
		defer close(c.over)
		_, _ = unix.Write(fd, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // an eventfd of ours takes 1
	})
	return c, nil
}

func (c *cancel) close() {
	if c.fd < 0 {
		return
	}
	if !c.stop() {
		<-c.over
	}
	unix.Close(c.fd)
}
