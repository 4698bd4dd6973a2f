package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"terem/internal/cli/command"
	"terem/internal/cli/launch"
)

const cacheLong = `Show and empty the cache of snapshots from which "terem run --warm" begins: of guests that are ready for
any command, and of commands that stand at their first instruction. A snapshot that is
missing is taken anew by the next run that wants it. The guest's kernel and initial RAM disk
are not in it (see "terem guest").`

func newCache() *cobra.Command {
	c := &cobra.Command{
		Use:   "cache",
		Short: "Show and empty the cache of warm starts",
		Long:  cacheLong,
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	keep := 0
	list := &cobra.Command{
		Use:   "ls",
		Short: "List the snapshots, the one used last first",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			dir, err := command.CacheDir()
			if err != nil {
				return err
			}
			all, err := launch.ListCache(dir)
			if err != nil {
				return err
			}
			return launch.WriteCache(os.Stdout, all)
		},
	}
	prune := &cobra.Command{
		Use:   "prune",
		Short: "Remove the snapshots",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if keep < 0 {
				return &command.UsageError{Command: "terem cache prune", Err: fmt.Errorf("--keep %d: want 0 or more", keep)}
			}
			dir, err := command.CacheDir()
			if err == nil {
				launch.PruneCache(dir, keep)
			}
			return err
		},
	}
	prune.Flags().IntVar(&keep, "keep", 0, "but the `number` that were used last")
	c.AddCommand(list, prune)
	return c
}
