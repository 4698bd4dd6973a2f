// Command terem boots Linux guests on KVM, and lets people see what a virtual
// machine is beside a container. `terem help` lists its commands.
package main

import (
	"errors"
	"fmt"
	"os"

	"terem/internal/cli/launch"
	"terem/internal/container"
	"terem/internal/fault"
)

func main() {
	if container.IsInit(os.Args) {
		os.Exit(container.Init())
	}
	os.Exit(run(os.Args[1:]))
}

// run executes one command and gives the exit status (see package launch).
func run(args []string) int {
	status := launch.StatusOK
	cmd := newRoot(&status)
	cmd.SetArgs(args)
	err := cmd.Execute()
	var usage *usageError
	switch {
	case err == nil:
		return status
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "terem: %s; see `%s --help`\n", fault.Say(usage.err, flagOf), usage.command)
		return fault.StatusUsage
	}
	fmt.Fprintf(os.Stderr, "terem: %s\n", fault.Say(err, flagOf))
	return fault.Status(err)
}

// usageError is a mistake in the words of the command line itself.
type usageError struct {
	command string
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }
