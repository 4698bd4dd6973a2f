package main

import "github.com/spf13/cobra"

const labLong = `Experiments on what keeps two programs apart: nothing, a container, a virtual machine.
And exercises, which end with a hypervisor of your own: they are laid out and graded.`

// newLab is the group of the lab's commands.
func newLab(status *int) *cobra.Command {
	c := &cobra.Command{
		Use:   "lab",
		Short: "See isolation with your own eyes, and build a machine yourself",
		Long:  labLong,
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newIsolation(status), newNamespaces(status), newCgroups(status), newImageDemo(status), newBoot(status), newTypes(status))
	c.AddCommand(newExercises()...)
	c.AddCommand(newLabGrade(status))
	return c
}
