package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"terem/internal/cli/enter/carry"
	"terem/internal/running"
)

const cpLong = `Copy a file or a directory into a machine or a container that runs, or out of it. One of
the places is NAME:PATH; a file of yours with a colon in its name is ./NAME. A directory that
is there already gets the copy within it, under the same name; SOURCE/. stands for what is
in a directory. A link to a directory here is followed if a slash ends it. "-" is an archive of
tar(1)'s, not compressed, on standard output or standard input. Files of /proc, which have
no size, come out empty: use "terem exec NAME cat" for those.

On the way in, all becomes root's. On the way out, all becomes yours; devices and
set-user-ID bits stay behind, and nothing leaves the target directory, whatever is sent.`

const cpExample = `  terem cp web:/etc/passwd .
  terem cp site web:/srv
  terem cp web:/var/log/. logs
  terem cp web:/etc - | tar t`

func newCp() *cobra.Command {
	c := byName(&cobra.Command{
		Use:     "cp source target",
		Short:   "Copy files into a machine or a container that runs, or out of it",
		Long:    cpLong,
		Example: cpExample,
		Args:    cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			return carry.Copy(carry.ParsePlace(args[0]), carry.ParsePlace(args[1]), carry.Streams{
				In: os.Stdin, Out: os.Stdout, Say: func(line string) { fmt.Fprintf(os.Stderr, "terem: %s\n", line) },
			})
		},
	})
	c.ValidArgsFunction = completePlace
	return c
}

// completePlace completes a file, or the name of what runs before its colon.
func completePlace(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	var found []string
	names, _ := running.List(running.Root()) // without names there are files
	for _, n := range names {
		if strings.HasPrefix(n, typed) {
			found = append(found, n+":")
		}
	}
	if len(found) == 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return found, cobra.ShellCompDirectiveNoSpace
}
