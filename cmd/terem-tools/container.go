package main

import (
	"github.com/spf13/cobra"

	"terem/internal/cli/command"
)

const containerLong = `Run a program in a container: a process with namespaces, control groups and fewer rights.`

const containerRunLong = `Run a program in a container, on a root file system that is a directory. Without --root
it is that of terem's own guest, so that "terem run" and "terem container run" run the same
programs; containers share it, so it is read-only, but for /tmp in memory.

A root whose owners the kernel cannot shift, such as one on a tmpfs before Linux 6.3, is
copied into memory: what the container writes there goes with it, and a line says so.

The container has its own processes, mounts, users, network, host name, IPC, control groups
and clocks; the kernel is the host's. Root inside is nobody outside. A standard file that is
a terminal becomes a terminal of the container's own; the others stay what they are, but cannot
be directories. Signals go to the program.

With a --share that is not :ro, or output into a file, no file can get a set-user-ID bit or
capabilities, as it would have them on the host: so dpkg cannot install all packages there.

With --detach it runs in the background: "terem ps", "exec", "cp", "stop", "logs" and the like
find it by its name, as they find a machine.

Keys on a terminal: Ctrl-A x ends the container, Ctrl-A h helps, Ctrl-A Ctrl-A sends Ctrl-A.`

const containerRunExample = `  terem container run                                a shell
  terem container run -- uname -a                    one command
  echo 'ls /proc | wc -l' | terem container run      commands from a pipe
  terem container run --memory 64M --cpus 0.5 --pids 100 -- nproc
  terem container run --root DIR --share /srv/data:/data:ro -- ls /data
  terem container run --detach --name web -- httpd -f   in the background; then: terem exec web ps
  terem container run --verbose -- true              what it is made of`

const containerStatuses = `
Exit status:
  0-255  of the program
  64     usage: a flag is wrong, or the root is
  69     host: no right to make namespaces, a limit that cannot be kept
  124    the time of --timeout ran out
  126    the program cannot be executed, 127: there is none
  128+n  signal n ended the program; 137 also when it ran out of memory`

func newContainer(status *int) *cobra.Command {
	c := &cobra.Command{
		Use:   "container",
		Short: "Run programs in containers, to compare",
		Long:  containerLong,
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newContainerRun(status))
	return c
}

func newContainerRun(status *int) *cobra.Command {
	f := &command.Container{}
	c := &cobra.Command{
		Use:     "run [flags] [--] [command args]",
		Short:   "Run a program in a container",
		Long:    containerRunLong + "\n" + containerStatuses,
		Example: containerRunExample,
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			*status, err = f.Execute(c.Flags())
			return err
		},
	}
	f.Define(c.Flags())
	complete(c, map[string]cobra.CompletionFunc{"network": words("none", "host"), "userns": words("private", "host")})
	return c
}
