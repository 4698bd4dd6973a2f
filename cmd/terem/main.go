// Command terem boots Linux guests on KVM, and lets people see what a virtual machine is beside a container.
//
// This program has what must start at once: `terem run`, `terem restore`, `terem exec` and `terem container run`. For everything else, help among it, it
// becomes terem-tools, which is beside it.
package main

import (
	"errors"
	"os"

	"github.com/spf13/pflag"

	"terem/internal/cli/command"
	"terem/internal/cli/launch"
	"terem/internal/container"
	"terem/internal/vm/machine"
)

func main() {
	if container.IsInit(os.Args) {
		os.Exit(container.Init())
	}
	if err := command.Descriptors(); err != nil {
		os.Exit(command.Failed(err))
	}
	os.Exit(run(os.Args[1:]))
}

// errTools says that the other program is wanted.
var errTools = errors.New("not in this program")

// run executes one command and gives the exit status (see package launch).
func run(args []string) int {
	status, err := start(args)
	if errors.Is(err, errTools) || launch.NeedsTools(err) {
		err = toTools(args, err)
	}
	if err != nil {
		return command.Failed(err)
	}
	return status
}

// toTools becomes the other program. Where that is not there, a host without KVM is still said to be one.
func toTools(args []string, why error) error {
	err := command.ExecTools(args)
	var no *machine.NoKVM
	if errors.As(why, &no) {
		return why
	}
	return err
}

// start executes the commands that are here.
func start(args []string) (status int, err error) {
	switch {
	case len(args) > 0 && args[0] == "run":
		c := &command.Run{}
		fs, err := parse("terem run", c.Define, args[1:])
		if err != nil {
			return 0, err
		}
		return c.Execute(fs, launch.Decoders{})
	case len(args) > 0 && args[0] == "restore":
		c := &command.Restore{}
		fs, err := parse("terem restore", c.Define, args[1:])
		if err != nil {
			return 0, err
		}
		return c.Execute(fs, launch.Decoders{})
	case len(args) > 0 && args[0] == "exec":
		c := &command.Exec{}
		fs, err := parse("terem exec", c.Define, args[1:])
		if err != nil {
			return 0, err
		}
		return c.Execute(fs)
	case len(args) > 1 && args[0] == "container" && args[1] == "run":
		c := &command.Container{}
		fs, err := parse("terem container run", c.Define, args[2:])
		if err != nil {
			return 0, err
		}
		return c.Execute(fs)
	}
	return 0, errTools
}

// parse parses the flags of a command.
func parse(path string, define func(*pflag.FlagSet), args []string) (*pflag.FlagSet, error) {
	fs := pflag.NewFlagSet(path, pflag.ContinueOnError)
	fs.Usage = func() {} // help is the other program's
	define(fs)
	err := fs.Parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		return nil, errTools
	}
	if err != nil {
		return nil, &command.UsageError{Command: path, Err: err}
	}
	return fs, nil
}
