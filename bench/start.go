package main

import (
	"errors"
	"os"
	"slices"
	"time"

	"terem/bench/internal/proc"
	"terem/bench/internal/tiny"
	"terem/internal/running"
)

// Measures as they are called in the report.
const (
	measureStart = "process start to the guest's first instruction"
	measureEnd   = "process start to its end, the guest resetting at once"
	measurePhase = "of that, by terem's own clock"
	measureExit  = "a port write's round trip"
)

// tinyLimit bounds a run of a tiny guest.
const tinyLimit = 20 * time.Second

// start measures how long it takes until a guest runs.
func (s *suite) start() error {
	restoring, err := s.restoring()
	if err != nil {
		return err
	}
	err = s.rounds("start", s.conf.rounds, append(slices.Clone(s.vmms), restoring), func(v vmm) error {
		return s.watch(v, v.tiny(s.path(startELF)), func(p *proc.Process) error {
			first, err := p.Until(tiny.Begin)
			if err != nil {
				return err
			}
			s.report.add(measureStart, v.name, milliseconds, ms(first))
			if !v.ends {
				return nil
			}
			end, err := p.Wait(tinyLimit)
			if err != nil {
				return err
			}
			s.report.add(measureEnd, v.name, milliseconds, ms(end))
			if v.name == nameTerem {
				return s.startPhases(v)
			}
			return nil
		})
	})
	s.startGoals()
	return err
}

// restoring is terem that restores a machine from a snapshot of a guest that does nothing but write.
func (s *suite) restoring() (vmm, error) {
	const name = "bench-loop"
	if err := os.Setenv(running.RootVar, s.path("running")); err != nil {
		return vmm{}, err
	}
	v, dir := s.vmms[0], s.path("loop.snap")
	if _, err := s.command(nil, "run", "--detach", "--name", name, "--timeout", tinyLimit.String(), "--console", os.DevNull, "--memory", ramFlag, "--kernel", s.path(loopELF)); err != nil {
		return vmm{}, err
	}
	_, err := s.command(nil, "snapshot", name, dir)
	_, err2 := s.command(nil, "kill", name)
	program := v.tiny("")[0]
	v.name, v.ends = nameRestore, false
	v.tiny = func(string) []string { return []string{program, "restore", "--quiet", dir} }
	return v, errors.Join(err, err2)
}

// startPhases starts terem's tiny guest once more, and takes the phases that come before the guest. What is not in them is the
// start of the program itself.
func (s *suite) startPhases(v vmm) error {
	p, err := proc.Start(append(v.tiny(s.path(startELF)), "--verbose", "--exits=json"), s.options(nil, tinyLimit))
	if err != nil {
		return err
	}
	defer p.Close()
	if _, err := p.Wait(tinyLimit); err != nil {
		return err
	}
	l, err := parseLedger(p.Stderr())
	if err != nil {
		return err
	}
	for _, ph := range l.phases {
		if ph.Name == "create" || ph.Name == "load" {
			s.report.add(measurePhase, v.name+", "+ph.Name, milliseconds, ms(ph.Time))
		}
	}
	return nil
}

// exit measures how long it takes to leave the guest and to come back.
func (s *suite) exit() error {
	var able []vmm
	for _, v := range s.vmms {
		// A ROM of ours has no loop, and exits do not depend on how the machine was set up.
		if v.name != nameROM && v.name != nameBare {
			able = append(able, v)
		}
	}
	able = append(able, s.tracing())
	err := s.rounds("exit", s.conf.rounds, able, func(v vmm) error {
		return s.watch(v, v.tiny(s.path(exitELF)), func(p *proc.Process) error {
			begin, err := p.Until(tiny.Begin)
			if err != nil {
				return err
			}
			end, err := p.Until(tiny.End)
			if err != nil {
				return err
			}
			each := (end - begin).Seconds() / exitCount
			s.report.add(measureExit, v.name, microseconds, each*1e6)
			return nil
		})
	})
	s.exitGoals()
	return err
}

// tracing is terem that keeps each exit.
func (s *suite) tracing() vmm {
	v := s.vmms[0]
	plain := v.tiny
	v.name = nameTracing
	v.tiny = func(kernel string) []string { return append(plain(kernel), "--trace", s.path("exit.trace")) }
	return v
}

// watch starts a VMM, lets f watch it, and ends it. A failure comes with the VMM's
// last words.
func (s *suite) watch(v vmm, argv []string, f func(*proc.Process) error) error {
	p, err := proc.Start(argv, s.options(nil, tinyLimit))
	if err != nil {
		return err
	}
	err = f(p)
	p.Close()
	if err != nil {
		return &deathError{err, p.LastWords(), p.Stderr()}
	}
	return nil
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }
