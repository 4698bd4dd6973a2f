package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// config is what the flags say.
type config struct {
	only   []string
	rounds int // of start and exit
	boots  int // of boot
	out    string
	terem  string
	build  string // directory to build floor and gokvm in, and nothing else
	peers  string // directory with floor and gokvm, built before; empty: build them
	seed   uint64
	ips    float64 // instructions that this machine counts as a second; 0: it is no emulator
	commit string
}

// measures are what -only may name, in the order in which they run.
func measures() []string {
	return []string{"start", "inits", "exit", "boot", "exec", "warm", "timer", "memory", "disk"}
}

func parseFlags(args []string, stderr io.Writer) (config, error) {
	var c config
	var only string
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&only, "only", strings.Join(measures(), ","), "measure these")
	fs.IntVar(&c.rounds, "rounds", 30, "rounds of start and exit")
	fs.IntVar(&c.boots, "boots", 5, "boots of the default guest, for each measure of it")
	fs.StringVar(&c.out, "o", "bin/bench.json", "write the report with all samples to this file")
	fs.StringVar(&c.terem, "terem", "bin/terem", "the terem to measure")
	fs.StringVar(&c.build, "build", "", "build floor and gokvm in this directory, for -peers elsewhere, and measure nothing")
	fs.StringVar(&c.peers, "peers", "", "take floor and gokvm from this directory, and build nothing")
	fs.Float64Var(&c.ips, "ips", 0, "this machine is an emulator whose clock counts so many instructions as a second: report those")
	fs.StringVar(&c.commit, "commit", "", "the version that is measured (default: what git says)")
	fs.Uint64Var(&c.seed, "seed", 1, "seed of the order of runs and of the intervals")
	if err := fs.Parse(args); err != nil {
		return c, err
	}
	c.only = strings.Split(only, ",")
	for _, name := range c.only {
		if !slices.Contains(measures(), name) {
			return c, fmt.Errorf("-only %s: no measure is called %q: one of %s", only, name, strings.Join(measures(), ", "))
		}
	}
	if c.ips < 0 {
		return c, errors.New("-ips: time does not run backwards")
	}
	if c.rounds < 1 || c.boots < 1 || fs.NArg() > 0 {
		return c, errors.New("-rounds and -boots take numbers from 1 on, and there are no further arguments")
	}
	return c, nil
}

func run(args []string, stdout, stderr io.Writer) int {
	c, err := parseFlags(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return 2
	}
	do := func() error { return measure(c, stdout, stderr) }
	if c.build != "" {
		do = func() error { return buildPeers(c.build) }
	}
	if err := do(); err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return 1
	}
	return 0
}

// measure sets up, measures, and reports what there is even if a measure failed.
func measure(c config, stdout, stderr io.Writer) error {
	dir, err := os.MkdirTemp("", "terem-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s := &suite{conf: c, dir: dir, log: stderr, report: newReport(c)}
	if err := s.prepare(); err != nil {
		return err
	}
	var errs []error
	steps := map[string]func() error{"start": s.start, "inits": s.inits, "exit": s.exit, "boot": s.boot, "exec": s.exec, "warm": s.warm, "timer": s.timer, "memory": s.memory, "disk": s.disk}
	for _, name := range measures() {
		if !slices.Contains(c.only, name) {
			continue
		}
		if err := steps[name](); err != nil {
			errs = append(errs, fmt.Errorf("measure %s: %w", name, err))
		}
	}
	s.report.finish()
	s.report.print(stdout)
	if err := s.report.save(c.out); err != nil {
		errs = append(errs, err)
	} else {
		fmt.Fprintf(stdout, "\nAll samples are in %s.\n", c.out)
	}
	return errors.Join(errs...)
}
