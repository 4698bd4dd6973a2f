package main

import (
	"fmt"
	"strings"

	"terem/internal/cli/command"

	"github.com/spf13/cobra"
)

const rootLong = `terem is a small hypervisor on Linux KVM. It boots a Linux guest on your terminal,
and puts a virtual machine beside a container so that you can see the difference.`

const rootStatuses = `
Exit status:
  0-255  of the command in the guest, where one was given
  64     usage: a flag or a file that was named is wrong
  69     host: no KVM, no right to use it, not enough of something
  80-84  guest: reset, triple fault, kernel panic, halted for good, cannot go on
  85     the machine ended before what was done in it
  124    the time of --timeout ran out
  128+n  signal n ended the command, or terem`

// newRoot builds the command tree. A command that ran to its end puts its exit
// status into status.
func newRoot(status *int) *cobra.Command {
	root := &cobra.Command{
		Use:           "terem",
		Short:         "A small hypervisor that shows what a virtual machine is",
		Long:          rootLong + "\n" + rootStatuses,
		Version:       command.Version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.AddCommand(newRun(status), newSnapshot(), newRestore(status), newCache(), newExec(status), newCp(), newContainer(status), newCompare(status), newLab(status), newTrace(), newProfile(), newDoctor(status), newGuest(), newDisk(status), newVersion(), newMan())
	root.AddCommand(newSteering()...)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &command.UsageError{Command: c.CommandPath(), Err: err}
	})
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetUsageFunc(writeUsage)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	mendCobra(root)
	for _, c := range append(root.Commands(), root) {
		wrapArgs(c)
	}
	namePlaceholders(root)
	return root
}

// mendCobra makes mistakes in cobra's own commands errors: `help nope` and `completion
// nope` print a help that was not asked for, and succeed.
func mendCobra(root *cobra.Command) {
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Args = func(_ *cobra.Command, args []string) error {
				_, rest, err := root.Find(args)
				if err == nil && len(rest) > 0 {
					err = fmt.Errorf("no help on %q", rest[0])
				}
				return err
			}
		case "completion":
			c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
		}
	}
}

// wrongCount says what a command takes.
func wrongCount(c *cobra.Command, args []string) error {
	_, takes, _ := strings.Cut(c.UseLine(), c.CommandPath())
	takes = strings.TrimSpace(strings.ReplaceAll(takes, "[flags]", ""))
	switch {
	case takes == "" && len(args) > 0:
		return fmt.Errorf("%q: `%s` takes no arguments", args[0], c.CommandPath())
	case len(args) == 0:
		return fmt.Errorf("`%s` wants: %s", c.CommandPath(), takes)
	}
	return fmt.Errorf("`%s` wants %s, and got %q", c.CommandPath(), takes, args)
}

// wrapArgs makes a wrong number of arguments a usage error.
func wrapArgs(c *cobra.Command) {
	check := c.Args
	if check == nil {
		return
	}
	c.Args = func(c *cobra.Command, args []string) error {
		err := check(c, args)
		if err == nil {
			return nil
		}
		if !c.HasSubCommands() {
			err = wrongCount(c, args)
		}
		return &command.UsageError{Command: c.CommandPath(), Err: err}
	}
	for _, sub := range c.Commands() {
		wrapArgs(sub)
	}
}
