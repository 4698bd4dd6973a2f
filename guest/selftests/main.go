package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"
)

// options are the flags.
type options struct {
	programs string // the directory that build.sh made
	terem    string
	backend  string
	only     []string
	memory   string
	cpus     int
	append   string
	scale    float64 // of limits in the guest
	hosts    float64 // and on the host
	bound    time.Duration
	verbose  bool
}

// errDifferent says that the report has told what is wrong.
var errDifferent = errors.New("guest and host differ in what is not listed")

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	err := dispatch(args)
	switch {
	case err == nil, errors.Is(err, pflag.ErrHelp):
		return 0
	case !errors.Is(err, errDifferent):
		fmt.Fprintln(os.Stderr, "selftests:", err)
	}
	return 1
}

// dispatch tells the binary's roles apart.
func dispatch(args []string) error {
	t, err := parseTable(programsText)
	if err != nil {
		return err
	}
	if len(args) > 0 && (args[0] == roleInside || args[0] == roleGuest) {
		o, err := parseOrder(args[1:])
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		if args[0] == roleInside {
			return inside(t, o)
		}
		return inGuest(t, o)
	}
	o, err := parseFlags(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return compareBoth(ctx, t, o)
}

func parseFlags(args []string) (options, error) {
	var o options
	var only string
	f := pflag.NewFlagSet("selftests", pflag.ContinueOnError)
	f.StringVar(&o.terem, "terem", "bin/terem", "the terem whose guest is tried")
	f.StringVar(&o.backend, "backend", "", "what KVM is here: "+strings.Join(backends(), ", ")+" (default: by its module)")
	f.StringVar(&only, "only", "", "programs or suites to run, with blanks between them (default: all but the long ones)")
	f.StringVar(&o.memory, "memory", "384M", "the guest's RAM")
	f.IntVar(&o.cpus, "cpus", 2, "the guest's vCPUs")
	f.StringVar(&o.append, "append", "", "more words for the guest kernel's command line")
	f.Float64Var(&o.scale, "scale", 0, "what the limits in the guest are multiplied by (default 1, and 6 on a software backend)")
	f.Float64Var(&o.hosts, "host-scale", 3, "the same on the host, which may have other things to do")
	f.DurationVar(&o.bound, "bound", 30*time.Minute, "the longest that all may take")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "show what each program printed")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() != 1 {
		return o, errors.New("name the directory that guest/selftests/build.sh prints")
	}
	o.programs, o.only = f.Arg(0), strings.Fields(only)
	if o.backend == "" {
		o.backend = backendHere()
	}
	if o.scale == 0 {
		o.scale = 1
		if o.backend == backendSoftware {
			o.scale = 6
		}
	}
	return o, nil
}

// backendHere names the backend by the module that is loaded.
func backendHere() string {
	for module, backend := range map[string]string{"kvm_amd": backendAMDV, "kvm_intel": backendVTX} {
		if _, err := os.Stat("/sys/module/" + module); err == nil {
			return backend
		}
	}
	return backendSoftware
}
