package main

import (
	"github.com/spf13/cobra"

	"terem/internal/cli/command"
)

const execLong = `Start another program in a machine or a container that runs, beside its command. It is found
by its name: that of "terem run --name" or "terem container run --name", or the one that
"terem ps" shows. A guest that still boots is waited for. In a container the program has the
same namespaces, limits and rights as the container's own. Standard output and standard error come back apart, and the exit status is the
program's. Without -i the program has no input.

Keys on a terminal with -it: Ctrl-A x leaves the program, which gets a hangup,
Ctrl-A Ctrl-A sends Ctrl-A, Ctrl-A h helps.`

const execExample = `  terem exec web ps
  terem exec -it web                                 a shell
  terem exec -e A=1 web sh -c 'echo $A'
  tar c . | terem exec -i web tar x -C /srv
  terem exec -u nobody -w /tmp web id
  terem exec -D web httpd -p 80`

const execStatuses = `
Exit status:
  0-255    of the program; 128+n: signal n ended it
  64       usage: a flag is wrong, or nothing runs under that name
  69       host: it is paused, or a machine without an agent
  84, 85   guest: its agent makes no sense; it ended before the program did
  126, 127 the program cannot be executed in it; it has no such program`

func newExec(status *int) *cobra.Command {
	f := &command.Exec{}
	c := byName(&cobra.Command{
		Use:     "exec [flags] name [--] command [args]",
		Short:   "Start a program in a machine or a container that runs",
		Long:    execLong + "\n" + execStatuses,
		Example: execExample,
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			*status, err = f.Execute(c.Flags())
			return err
		},
	})
	f.Define(c.Flags())
	complete(c, map[string]cobra.CompletionFunc{"env": words(), "user": words("root", "nobody"), "workdir": words("/")})
	return c
}
