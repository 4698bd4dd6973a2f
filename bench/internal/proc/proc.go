package proc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"terem/internal/measure/lastwords"
)

// Process is a program under way. One goroutine may use it.
type Process struct {
	cmd     *exec.Cmd
	started time.Time
	clock   time.Duration // of Options.Clock, at the start
	options Options
	pipe    *os.File // the program's standard output
	out     *bufio.Reader
	said    lastwords.Tail // standard output, as far as it was read
	errs    lastwords.Tail // standard error
	waited  bool
}

// Options are what a program is started with, beside its arguments.
type Options struct {
	Stdin *os.File      // nil: /dev/null
	Limit time.Duration // from the start on
	// Clock counts in place of time; nil: time. Busy is one.
	Clock func() (time.Duration, error)
}

// Start starts a program. The caller owes a Close.
func Start(argv []string, o Options) (*Process, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	p := &Process{cmd: exec.Command(argv[0], argv[1:]...), pipe: r, options: o}
	p.out = bufio.NewReader(io.TeeReader(r, &p.said))
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.WaitDelay = w, &p.errs, time.Second
	if o.Stdin != nil {
		p.cmd.Stdin = o.Stdin
	}
	if o.Clock != nil {
		time.Sleep(time.Millisecond) // what this process did until now is counted when it gives way
		if p.clock, err = o.Clock(); err != nil {
			r.Close()
			return nil, err
		}
	}
	p.started = time.Now()
	if err := p.cmd.Start(); err != nil {
		r.Close()
		return nil, err
	}
	if err := r.SetReadDeadline(p.started.Add(o.Limit)); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// PID is the program's process ID.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// elapsed is the time since the start, by the clock that was asked for.
func (p *Process) elapsed() (time.Duration, error) {
	if p.options.Clock == nil {
		return time.Since(p.started), nil
	}
	now, err := p.options.Clock()
	return now - p.clock, err
}

// Until reads the program's output up to the byte mark, and says when it came.
func (p *Process) Until(mark byte) (time.Duration, error) {
	for {
		b, err := p.out.ReadByte()
		now, broken := p.elapsed()
		if err != nil {
			return now, p.silence(err)
		}
		if b == mark {
			return now, broken
		}
	}
}

// Line reads up to the first line for which accept is true, and gives it and the
// time of its end.
func (p *Process) Line(accept func(string) bool) (string, time.Duration, error) {
	for {
		line, err := p.out.ReadString('\n')
		now, broken := p.elapsed()
		if err != nil {
			return line, now, p.silence(err)
		}
		if accept(line) {
			return line, now, broken
		}
	}
}

// ErrSilent says that a program ended, or ran out of its time, before it said what
// was waited for.
var ErrSilent = errors.New("never came so far")

func (p *Process) silence(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w in %v", ErrSilent, time.Since(p.started).Round(time.Millisecond))
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: it ended after %v", ErrSilent, time.Since(p.started).Round(time.Millisecond))
	}
	return err
}

// Deafen closes the reading end of the program's output.
func (p *Process) Deafen() error { return p.pipe.Close() }

// Wait waits for the program's end, at most for limit, and says when it came. The
// exit status is not an error: a guest's reset has one of its own.
func (p *Process) Wait(limit time.Duration) (time.Duration, error) {
	late := time.AfterFunc(limit, func() { _ = p.cmd.Process.Kill() }) // gone already: fine
	err := p.cmd.Wait()
	now, broken := p.elapsed()
	p.waited = true
	var status *exec.ExitError
	if !late.Stop() {
		return now, fmt.Errorf("it did not end within %v", limit)
	}
	if err != nil && !errors.As(err, &status) {
		return now, err
	}
	return now, broken
}

// Close kills the program if it lives still, and waits for it.
func (p *Process) Close() {
	if !p.waited {
		_ = p.cmd.Process.Kill() // gone already: fine
		_ = p.cmd.Wait()         // killed, as intended
		p.waited = true
	}
	p.pipe.Close()
}

// Stderr is what the program said on its standard error: the last of it, if it was
// much. Call it after Wait or Close.
func (p *Process) Stderr() string { return p.errs.String() }

// LastWords is the line that best tells why a program failed. Call it after Close.
func (p *Process) LastWords() string { return lastwords.Of(p.errs.String(), p.said.String()) }
