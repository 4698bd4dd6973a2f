package command

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"terem/internal/cli/launch"
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
	case fs.NArg() == 0 || fs.Arg(0) == "":
		return 0, bad("it wants the directory of a snapshot")
	case fs.NArg() > 1 && fs.ArgsLenAtDash() != 1:
		return 0, bad("it wants the directory of one snapshot; a command comes after --")
	case f.clones < 1:
		return 0, bad(fmt.Sprintf("--number %d: want 1 or more", f.clones))
	case o.Timeout < 0:
		return 0, bad(fmt.Sprintf("--timeout %v: time does not run backwards", o.Timeout))
	case o.Exits != "" && o.Exits != "table" && o.Exits != "json":
		return 0, bad(fmt.Sprintf("--exits=%s: either table or json", o.Exits))
	}
	o.Dir, o.Command, o.Decoders, o.Version = fs.Arg(0), fs.Args()[1:], d, Version
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
			return background(os.Args[1:])
		}
	}
	return launch.Restore(o)
}

// mostClones is how many machines one command starts: more is a slip of the finger.
const mostClones = 10_000

// many starts one terem for each machine, in the background. The first that fails is the last: those before it run.
func (f *Restore) many(fs *pflag.FlagSet) (status int, err error) {
	args := []string{"restore", "--detach"}
	fs.Visit(func(g *pflag.Flag) {
		switch g.Name {
		case "number", "detach", "name":
		default:
			args = append(args, "--"+g.Name+"="+g.Value.String())
		}
	})
	dir := f.o.Dir
	if strings.HasPrefix(dir, "-") {
		dir = "./" + dir
	}
	for i := range f.clones {
		each := slices.Clip(args)
		if f.o.Name != "" {
			each = append(each, fmt.Sprintf("--name=%s-%d", f.o.Name, i+1))
		}
		if status, err := background(append(append(each, dir, "--"), f.o.Command...)); status != 0 || err != nil {
			return status, err // and why, it has said
		}
	}
	return 0, nil
}

// background starts a terem that has no huge pages, which it inherits (prctl(2)). RAM of a snapshot's is a file's, page by page: they would
// serve the heap alone, which leaves most of each empty; and such machines are many.
func background(args []string) (status int, err error) {
	_ = unix.Prctl(unix.PR_SET_THP_DISABLE, 1, 0, 0, 0) // it takes more memory, then
	return detach(args)
}
