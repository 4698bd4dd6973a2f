package command

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/spf13/pflag"

	"terem/internal/cli/launch"
	"terem/internal/fault"
)

const restorePath = "terem restore"

// Restore is `terem restore`: its flags as typed, and what they ask for.
type Restore struct {
	o      launch.RestoreOptions
	detach bool
	clones int
}

// Define puts the flags into fs.
func (f *Restore) Define(fs *pflag.FlagSet) {
	o := &f.o
	fs.SortFlags = false
	fs.StringVar(&o.Console, "console", "stdio", "where the console goes: stdio, none, or a `file`")
	fs.StringVar(&o.Name, "name", "", "the `name` for `terem exec`, `stop` and the like, and the guest's host name (default: one is drawn)")
	fs.BoolVarP(&f.detach, "detach", "D", false, "run in the background, with the console in a file (`terem logs`); print the name")
	fs.IntVarP(&f.clones, "number", "n", 1, "`number` of machines; more than one run in the background, as name-1, name-2 ...")
	fs.DurationVar(&o.Timeout, "timeout", 0, "end the guest after this `time`: 30s, 5m; 0 is never")
	fs.StringVar(&o.Exits, "exits", "", "print the exit ledger at the end, in this `form`: table (if none is given) or json")
	fs.Lookup("exits").NoOptDefVal = "table"
	fs.BoolVarP(&o.Quiet, "quiet", "q", false, "say nothing but errors")
	fs.BoolVarP(&o.Verbose, "verbose", "v", false, "say what is restored, and how")
}

// Execute restores the guest, once fs has parsed a command line, and returns the exit status.
func (f *Restore) Execute(fs *pflag.FlagSet, d launch.Decoders) (status int, err error) {
	bad := func(text string) error { return &UsageError{Command: restorePath, Err: errors.New(text)} }
	if err := noValue(fs, "exits"); err != nil {
		return 0, &UsageError{Command: restorePath, Err: err}
	}
	o := &f.o
	switch {
	case fs.NArg() != 1 || fs.Arg(0) == "":
		return 0, bad("it wants the directory of one snapshot")
	case f.clones < 1:
		return 0, bad(fmt.Sprintf("--number %d: want 1 or more", f.clones))
	case o.Timeout < 0:
		return 0, bad(fmt.Sprintf("--timeout %v: time does not run backwards", o.Timeout))
	case o.Exits != "" && o.Exits != "table" && o.Exits != "json":
		return 0, bad(fmt.Sprintf("--exits=%s: either table or json", o.Exits))
	}
	o.Dir, o.Decoders, o.Version = fs.Arg(0), d, Version
	o.Stdin, o.Stdout, o.Stderr = os.Stdin, os.Stdout, os.Stderr
	if !fs.Lookup("console").Changed {
		o.Console = ""
	}
	if f.clones > 1 {
		if o.Console != "" && o.Console != "none" {
			return 0, bad("--console " + o.Console + ": " + fmt.Sprint(f.clones) + " machines cannot share it")
		}
		if f.clones > mostClones {
			return 0, bad(fmt.Sprintf("--number %d: %d at the most", f.clones, mostClones))
		}
		return f.many(fs)
	}
	if f.detach {
		if o.Detached = detached(); o.Detached == nil {
			return detach()
		}
	}
	return launch.Restore(o)
}

// mostClones is how many machines one command starts: more is a slip of the finger.
const mostClones = 10_000

// many starts one terem for each machine, in the background. The first that fails is the last: those before it run.
func (f *Restore) many(fs *pflag.FlagSet) (status int, err error) {
	self, err := this()
	if err != nil {
		return 0, &fault.Error{Class: fault.Host, Thing: fault.Field("Number"), Err: err}
	}
	for i := range f.clones {
		args := []string{"restore", "--detach"}
		fs.Visit(func(g *pflag.Flag) {
			switch g.Name {
			case "number", "detach", "name":
			default:
				args = append(args, "--"+g.Name+"="+g.Value.String())
			}
		})
		if f.o.Name != "" {
			args = append(args, fmt.Sprintf("--name=%s-%d", f.o.Name, i+1))
		}
		c := exec.Command(self, append(args, "--", f.o.Dir)...)
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		err := c.Run()
		var ended *exec.ExitError
		if errors.As(err, &ended) {
			return endStatus(ended), nil // and why, it has said
		}
		if err != nil {
			return 0, &fault.Error{Class: fault.Host, Thing: fault.Field("Number"), Err: err}
		}
	}
	return 0, nil
}

func endStatus(e *exec.ExitError) int {
	if w, ok := e.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return e.ExitCode()
}
