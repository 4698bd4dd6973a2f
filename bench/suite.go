package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"terem/bench/internal/proc"
	"terem/bench/internal/tiny"
)

// gap is the pause between two runs: without one, a run pays for what its
// predecessor left to be cleaned up.
const gap = 20 * time.Millisecond

// suite is one run of the benchmark.
type suite struct {
	conf   config
	dir    string // built programs and guests, gone at the end
	vmms   []vmm
	report *report
	log    io.Writer
}

// Files in suite.dir.
const (
	startELF = "start.elf"
	exitELF  = "exit.elf"
	loopELF  = "loop.elf"
	startROM = "start.rom"
)

// exitCount is how many ports the guest of exit.elf writes to.
const exitCount = 10000

func (s *suite) prepare() error {
	if _, err := os.Stat(floorSource); err != nil && s.conf.peers == "" {
		return fmt.Errorf("%w: run `make bench`, or `go run ./bench` in the repository's root", err)
	}
	for name, content := range map[string][]byte{
		startELF: tiny.Start(), exitELF: tiny.Exits(exitCount), loopELF: tiny.Loop(), startROM: tiny.ROM(),
	} {
		if err := os.WriteFile(s.path(name), content, 0o644); err != nil {
			return err
		}
	}
	s.findVMMs()
	if len(s.vmms) == 0 || s.vmms[0].name != nameTerem {
		return fmt.Errorf("no %s: `make build` makes it", s.conf.terem)
	}
	return nil
}

// options are for a program under way. Where the clock counts instructions, so do we, but
// for those that pass while everybody waits.
func (s *suite) options(stdin *os.File, limit time.Duration) proc.Options {
	o := proc.Options{Stdin: stdin, Limit: limit}
	if s.conf.ips != 0 {
		o.Clock = proc.Busy
	}
	return o
}

func (s *suite) path(name string) string { return filepath.Join(s.dir, name) }

// rounds runs every VMM once in each round, in random order. One that fails is
// noted and left out from then on; terem's failure ends the measure.
func (s *suite) rounds(what string, n int, vmms []vmm, once func(vmm) error) error {
	r := rand.New(rand.NewPCG(s.conf.seed, uint64(n)))
	failed := map[string]bool{}
	fmt.Fprintf(s.log, "bench: %s, %d rounds\n", what, n)
	for range n {
		for _, j := range r.Perm(len(vmms)) {
			v := vmms[j]
			if failed[v.name] {
				continue
			}
			time.Sleep(gap)
			if err := once(v); err != nil {
				if v.name == nameTerem {
					return err
				}
				failed[v.name] = true
				s.note(what, v, err)
			}
		}
	}
	return nil
}

// note records why a VMM has no result.
func (s *suite) note(what string, v vmm, err error) {
	var d *deathError
	n := note{Measure: what, VMM: v.name, Error: err.Error()}
	if errors.As(err, &d) {
		n.Stderr = d.stderr
	}
	s.report.Notes = append(s.report.Notes, n)
}

// deathError is a VMM's failure, in its own last words.
type deathError struct {
	err           error
	words, stderr string
}

func (e *deathError) Error() string { return fmt.Sprintf("%v; last words: %s", e.err, e.words) }
func (e *deathError) Unwrap() error { return e.err }
