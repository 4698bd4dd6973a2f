package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"terem/internal/cli/command"
	"terem/internal/cli/signals"
	"terem/internal/cli/tty"
	"terem/internal/fault"
	"terem/internal/lab"
	"terem/internal/lab/demo"
	"terem/internal/lab/show"
)

const namespacesLong = `One demonstration for each kind of namespace: what is outside, what is inside, what changes
in which of them, with the numbers that the kernel shows. Two shells run side by side, and
each command is one that you can type as well.

An ordinary user gets a user namespace with each, since making the others needs root of one.

Exit status:
  0      shown, also if something could not be shown here: it says why
  64     usage: a flag is wrong
  69     host: nothing could be shown here; no guest's root file system, no space
  130    interrupted`

const namespacesExample = `  terem lab namespaces
  terem lab namespaces --only pid,net`

// demoFlags are the flags of a command that gives demonstrations.
type demoFlags struct {
	only []string
	json bool
}

func newNamespaces(status *int) *cobra.Command {
	return newDemo(status, &cobra.Command{
		Use:     "namespaces [flags]",
		Short:   "Show what each kind of namespace hides",
		Long:    namespacesLong,
		Example: namespacesExample,
	}, demo.Namespaces())
}

const cgroupsLong = `What control groups do: limits, a priority, accounting, control, for processes, memory and
processor time, in version 2; then in version 1 (names that begin with v1-), where each
controller has a tree of its own, and how both are there at once (hybrid).

It runs in virtual machines of terem's, whose control groups are nobody's, so it needs KVM.

Exit status:
  0      shown, also if something could not be shown here: it says why
  64     usage: a flag is wrong
  69     host: no KVM, or no machine; no guest's root file system, no space
  130    interrupted`

const cgroupsExample = `  terem lab cgroups
  terem lab cgroups --only memory,freeze`

func newCgroups(status *int) *cobra.Command {
	return newDemo(status, &cobra.Command{
		Use:     "cgroups [flags]",
		Short:   "Show what control groups bound, share out and count",
		Long:    cgroupsLong,
		Example: cgroupsExample,
	}, append(demo.Groups(), demo.Legacy()...))
}

const imageLong = `What the layers of an image are: directories, which overlayfs shows as one tree. What a
container writes and deletes is in a layer of its own.

Exit status:
  0      shown, also if something could not be shown here: it says why
  64     usage: a flag is wrong
  69     host: nothing could be shown here; no guest's root file system, no space
  130    interrupted`

func newImageDemo(status *int) *cobra.Command {
	return newDemo(status, &cobra.Command{
		Use:     "image [flags]",
		Short:   "Show what the layers of an image are",
		Long:    imageLong,
		Example: "  terem lab image",
	}, demo.Image())
}

// newDemo completes a command that gives demonstrations.
func newDemo(status *int, c *cobra.Command, all []demo.Demo) *cobra.Command {
	f := &demoFlags{}
	c.Args = cobra.NoArgs
	c.RunE = func(*cobra.Command, []string) (err error) {
		*status, err = f.run(all)
		return err
	}
	names := lab.DemoNames(all)
	c.Flags().SortFlags = false
	c.Flags().StringSliceVarP(&f.only, "only", "o", nil, "`names` of those to show: "+strings.Join(names, ", ")+" (default: all)")
	c.Flags().BoolVar(&f.json, "json", false, "print all of it as JSON")
	complete(c, map[string]cobra.CompletionFunc{"only": words(names...)})
	return c
}

func (f *demoFlags) run(all []demo.Demo) (status int, err error) {
	o := lab.Options{Version: command.Version()}
	if o.Terem, err = command.Caller(); err != nil {
		return 0, err
	}
	if o.CacheDir, err = command.CacheDir(); err != nil {
		return 0, err
	}
	ctx, stop := signals.Context(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	signals.Listen(make(chan os.Signal, 1), syscall.SIGPIPE) // as in `terem lab isolation`
	var given []demo.Done
	err = lab.Demonstrate(ctx, o, all, f.only, func(d demo.Done) error {
		given = append(given, d)
		if f.json {
			return nil
		}
		return show.Demo(os.Stdout, d, show.Options{Color: tty.Colors(os.Stdout)})
	})
	if errors.Is(err, context.Canceled) {
		const interrupted = 130 // as a shell has it for SIGINT
		return interrupted, nil
	}
	if err == nil && f.json {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		err = e.Encode(given)
	}
	if err == nil && !slices.ContainsFunc(given, func(d demo.Done) bool { return d.Shown }) {
		return fault.StatusHost, nil // each has said why
	}
	return 0, err
}
