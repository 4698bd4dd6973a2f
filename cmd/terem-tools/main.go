// Command terem-tools is the larger part of terem: all commands, their help and their completion. terem calls it for what it
// does not have itself.
package main

import (
	"os"

	"terem/internal/cli/command"
	"terem/internal/cli/launch"
	"terem/internal/container"
)

func main() {
	if container.IsInit(os.Args) {
		os.Exit(container.Init())
	}
	err := command.Descriptors()
	if err == nil {
		_, err = command.Caller()
	}
	if err != nil {
		os.Exit(command.Failed(err))
	}
	os.Exit(run(os.Args[1:]))
}

// run executes one command and gives the exit status (see package launch).
func run(args []string) int {
	status := launch.StatusOK
	cmd := newRoot(&status)
	cmd.SetArgs(args)
	if err := cmd.Execute(); err != nil {
		return command.Failed(err)
	}
	return status
}
