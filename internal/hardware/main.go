package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"terem/guest/distro"
)

// options are the flags.
type options struct {
	backends []string
	kernels  []string
	packages []string
	run      string
	short    bool
	survive  bool
	shell    bool
	terem    string
	what     string // to measure, instead of tests
	report   string // file for what was measured
	script   string // to be run instead of tests
	files    []string
	limit    time.Duration
}

func main() { os.Exit(run()) }

func run() int {
	o, err := parse(os.Args[1:])
	if errors.Is(err, pflag.ErrHelp) {
		return 0
	}
	ok := false
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		defer stop()
		ok, err = o.carryOut(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "hardware:", err)
		return 1
	}
	if !ok {
		return 1
	}
	return 0
}

func parse(args []string) (options, error) {
	var o options
	f := pflag.NewFlagSet("hardware", pflag.ContinueOnError)
	f.StringSliceVar(&o.backends, "backend", []string{"amdv", "vtx"}, "emulated processors")
	kernels := f.String("kernels", "6.1 6.12", "outer kernels, by version")
	f.StringSliceVar(&o.packages, "packages", nil, "packages whose tests to run (default: all that matter here)")
	f.StringVar(&o.run, "run", "", "only tests and rows whose names match this, as go test -run")
	f.BoolVar(&o.short, "short", false, "the short form")
	f.BoolVar(&o.survive, "survive", true, "in the long form, outer systems that lack something, too")
	f.BoolVar(&o.shell, "shell", false, "a shell in the outer system")
	f.StringVar(&o.what, "measure", "", "bench, compare or selftests: do that in the outer system, with the first backend and kernel")
	f.StringVar(&o.report, "report", "bin/hardware.json", "with --measure bench or compare, write its samples to this file")
	f.StringVar(&o.script, "script", "", "a file for the outer system's sh: run that, with the first backend and kernel")
	f.StringSliceVar(&o.files, "files", nil, "with --script, files to have beside it")
	f.DurationVar(&o.limit, "limit", scriptLimit, "with --script, how long it may take")
	f.StringVar(&o.terem, "terem", "bin/terem", "the terem to test")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.kernels = strings.FieldsFunc(*kernels, func(r rune) bool { return r == ' ' || r == ',' })
	if strings.Contains(o.run, "/") {
		return o, fmt.Errorf("--run %s: it names tests and rows; their subtests all run", o.run)
	}
	if f.NArg() > 0 || len(o.kernels) == 0 || len(o.backends) == 0 {
		return o, errors.New("flags only, with a backend and a kernel at least: see --help")
	}
	return o, nil
}

// carryOut makes everything ready and boots one outer system after the other.
func (o options) carryOut(ctx context.Context) (bool, error) {
	tmp, done, err := workDir(os.TempDir())
	if err != nil {
		return false, err
	}
	defer done()
	var chosen []backend
	for _, name := range o.backends {
		i := slices.IndexFunc(backends(), func(b backend) bool { return b.name == name })
		if i < 0 {
			return false, fmt.Errorf("no backend is called %q: amdv, vtx", name)
		}
		chosen = append(chosen, backends()[i])
	}
	images, err := o.fetch(ctx)
	if err != nil {
		return false, err
	}
	init := filepath.Join(tmp, "init")
	if err := static(ctx, "go", "build", "-ldflags=-s -w", "-o", init, "./internal/hardware/outer"); err != nil {
		return false, fmt.Errorf("compile the outer system's PID 1: %w", err)
	}
	root, err := newRoot(ctx, tmp, init, o.terem)
	if err != nil {
		return false, err
	}
	base := outer{backend: chosen[0], kernel: images[0], root: root}
	if o.shell {
		return true, base.shell(ctx, tmp)
	}
	if o.script != "" {
		return o.carry(ctx, tmp, base)
	}
	if o.what == measureSelftests {
		return o.selftests(ctx, tmp, base)
	}
	if o.what != "" {
		return o.measure(ctx, tmp, base)
	}
	s := session{ctx: ctx, tmp: tmp, base: base}
	if err := s.plan(o, chosen, images); err != nil {
		return false, err
	}
	if err := s.run(); err != nil {
		return false, err
	}
	return summary(os.Stdout, s.results), nil
}

// fetch gets the outer kernels.
func (o options) fetch(ctx context.Context) ([]distro.Image, error) {
	var list []distro.Image
	for _, version := range o.kernels {
		out, err := exec.CommandContext(ctx, "sh", "guest/distro/fetch.sh", version).Output()
		if err != nil {
			return nil, fmt.Errorf("fetch kernel %s: %w", version, describe(err))
		}
		im, err := distro.Open(strings.TrimSpace(string(out)))
		if err != nil {
			return nil, err
		}
		list = append(list, im)
	}
	return list, nil
}
