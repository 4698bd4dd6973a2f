package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"terem/bench/internal/proc"
)

const (
	measureLate = "a sleep of 1 ms comes late by"
	measureIdle = "time of a CPU that an idle guest takes"

	// The sleeps of one sample: for so many milliseconds.
	sleepsFor = 200
	// idleFor is how long an idle guest is watched, once it has settled.
	idleFor = 5 * time.Second
	percent = "%"
	// Never instructions: an idle processor lets the time pass.
	clockMicroseconds = "µs of the clock"
)

// timer measures what clocks and timers of a guest are worth: how late a sleep ends, and
// what a guest costs that does nothing.
func (s *suite) timer() error {
	return s.rounds("timer", s.conf.boots, s.vmms[:1], func(v vmm) error {
		late, err := sleepHere(sleepsFor)
		if err != nil {
			return err
		}
		s.addLate(nameHost, late)
		for _, cpus := range []int{1, 2} {
			name := fmt.Sprintf("%s, %d vCPU", v.name, cpus)
			args := []string{"--cpus", strconv.Itoa(cpus)}
			if late, err = s.sleepInGuest(v, args); err != nil {
				return err
			}
			s.addLate(name, late)
			if err := s.idle(v, args, func(p *proc.Process) error { return s.watchIdle(name, p) }); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *suite) addLate(name string, late time.Duration) {
	s.report.add(measureLate, name, clockMicroseconds, float64(late.Nanoseconds())/1e3)
}

// sleepHere sleeps for n times a millisecond, as guest/probe does, and says how late one of
// these ends.
func sleepHere(n int) (time.Duration, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	begin := time.Now()
	for range n {
		if err := unix.Nanosleep(&unix.Timespec{Nsec: int64(time.Millisecond)}, nil); err != nil {
			return 0, fmt.Errorf("sleep on the host: %w", err)
		}
	}
	return time.Since(begin)/time.Duration(n) - time.Millisecond, nil
}

func (s *suite) sleepInGuest(v vmm, args []string) (time.Duration, error) {
	argv := append(append(v.boot(linux{}), args...), "--", "/bin/probe", "sleep", strconv.Itoa(sleepsFor))
	p, err := proc.Start(argv, s.options(nil, bootLimit))
	if err != nil {
		return 0, err
	}
	line, _, err := p.Line(func(l string) bool { return strings.HasPrefix(l, "sleep ") })
	p.Close()
	if err != nil {
		return 0, &deathError{err, p.LastWords(), p.Stderr()}
	}
	return parseSleep(line)
}

// parseSleep reads "sleep OPS NS": so many sleeps of a millisecond took that long.
func parseSleep(line string) (late time.Duration, err error) {
	var n, ns int64
	if _, err := fmt.Sscanf(line, "sleep %d %d", &n, &ns); err != nil || n < 1 {
		return 0, fmt.Errorf("the probe says %q", line)
	}
	return time.Duration(ns/n) - time.Millisecond, nil
}

func (s *suite) watchIdle(name string, p *proc.Process) error {
	before, err := p.CPUTime()
	if err != nil {
		return err
	}
	begin := time.Now()
	time.Sleep(idleFor)
	after, err := p.CPUTime()
	if err != nil {
		return err
	}
	s.report.add(measureIdle, name, percent, 100*(after-before).Seconds()/time.Since(begin).Seconds())
	return nil
}

// idle boots a guest with a shell that waits for input, and calls f when it has settled.
func (s *suite) idle(v vmm, args []string, f func(*proc.Process) error) (err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	defer w.Close()
	p, err := proc.Start(append(v.boot(linux{}), args...), s.options(r, bootLimit))
	if err != nil {
		return err
	}
	defer func() {
		p.Close()
		if err != nil {
			err = &deathError{err, p.LastWords(), p.Stderr()}
		}
	}()
	if _, err := w.WriteString("echo up\n"); err != nil {
		return err
	}
	if _, _, err := p.Line(func(l string) bool { return strings.TrimSpace(l) == "up" }); err != nil {
		return err
	}
	time.Sleep(settle)
	return f(p)
}
