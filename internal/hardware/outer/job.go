package main

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"

	"terem/internal/hardware/wire"
)

const (
	maxLine   = 8 << 10 // a longer line comes in pieces
	maxOutput = 1 << 20 // of a job; the rest is dropped, and said to be
	grace     = 5 * time.Second
)

// runner runs jobs. Clear ends whatever a job has left behind.
type runner struct {
	clear func()
}

// run runs a program to its end, or to its limit, and gives each line of its output to line.
func (r runner) run(j wire.Job, line func([]byte)) wire.End {
	start := time.Now()
	end := func(e wire.End) wire.End {
		e.Seconds = time.Since(start).Seconds()
		return e
	}
	out, in, err := os.Pipe()
	if err != nil {
		return end(wire.End{Status: -1, Error: err.Error()})
	}
	defer out.Close()
	c := exec.Command(j.Argv[0], j.Argv[1:]...)
	c.Dir, c.Env = j.Dir, append(environment(), j.Env...)
	c.Stdout, c.Stderr = in, in
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = c.Start()
	in.Close()
	if err != nil {
		return end(wire.End{Status: -1, Error: err.Error()})
	}
	copied, lines := make(chan struct{}), new(atomic.Int64)
	go func() {
		defer close(copied)
		copyLines(out, func(l []byte) { line(l); lines.Add(1) })
	}()
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()

	late := false
	select {
	case err = <-ended:
	case <-time.After(j.Limit):
		late = true
		r.clear()
		select { // a process that the kernel does not let go: say so, and go on
		case err = <-ended:
		case <-time.After(grace):
			return end(wire.End{Status: -1, Late: true, Error: "killed at its limit, and did not die"})
		}
	}
	r.clear()
	awaitCopy(copied, lines)
	e := endOf(err)
	e.Late = late
	return end(e)
}

// awaitCopy waits until all output is copied, which takes long where the port is slow. Where nothing comes any more, somebody
// still holds the pipe.
func awaitCopy(copied <-chan struct{}, lines *atomic.Int64) {
	for before := int64(-1); before != lines.Load(); {
		before = lines.Load()
		select {
		case <-copied:
			return
		case <-time.After(grace):
		}
	}
}

func endOf(err error) wire.End {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return wire.End{}
	case !errors.As(err, &exit):
		return wire.End{Status: -1, Error: err.Error()}
	}
	if s, ok := exit.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return wire.End{Status: -1, Signal: s.Signal().String()}
	}
	return wire.End{Status: exit.ExitCode()}
}

// killAll leaves PID 1 alone in the system: kill(2) with -1 spares the caller. Anywhere else that would be a catastrophe.
func killAll() {
	if os.Getpid() != 1 {
		panic("outer: killAll is for PID 1 alone")
	}
	_ = syscall.Kill(-1, syscall.SIGKILL) // ESRCH: it is alone already
}

// copyLines cuts output into lines.
func copyLines(r io.Reader, line func([]byte)) {
	b := bufio.NewReaderSize(r, maxLine)
	for total := 0; ; {
		l, err := b.ReadSlice('\n')
		total += len(l)
		switch {
		case len(l) == 0:
		case total <= maxOutput:
			line(l)
		case total-len(l) <= maxOutput:
			line([]byte("outer: more output than 1 MiB; the rest is dropped\n"))
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}
