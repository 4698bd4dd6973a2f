package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"terem/internal/cli/command"
	"terem/internal/cli/signals"
	"terem/internal/compare"
	"terem/internal/compare/report"
	"terem/internal/lab/show"
	"terem/internal/lab/types"
)

const typesLong = `What is under this host, by CPUID, firmware tables, control groups and namespaces; which
kinds of virtualization there are, and which of them this host is in or can make; and what
the same loops cost as a process, in a container, in a Java VM and in a virtual machine.

Exit status:
  0      shown; what is not there says so
  69     host: no guest's root file system, no space
  130    interrupted`

func newTypes(status *int) *cobra.Command {
	var asJSON, quick bool
	c := &cobra.Command{
		Use:   "types [flags]",
		Short: "Show what is under this host, and the kinds of virtualization",
		Long:  typesLong,
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) (err error) {
			*status, err = showTypes(asJSON, quick)
			return err
		},
	}
	c.Flags().SortFlags = false
	c.Flags().BoolVarP(&quick, "quick", "q", false, "measure nothing")
	c.Flags().BoolVar(&asJSON, "json", false, "print all of it as JSON")
	return c
}

func showTypes(asJSON, quick bool) (status int, err error) {
	o := compare.Options{Version: command.Version(), Gap: compare.DefaultGap}
	if o.Terem, err = command.Caller(); err != nil {
		return 0, err
	}
	if o.CacheDir, err = command.CacheDir(); err != nil {
		return 0, err
	}
	ctx, stop := signals.Context(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	r := types.Look(ctx)
	if !quick {
		o.Progress = report.NewProgress(os.Stderr)
		err = r.Measure(ctx, o)
		o.Progress.Close()
	}
	switch {
	case errors.Is(err, context.Canceled):
		const interrupted = 130 // as a shell has it for SIGINT
		return interrupted, nil
	case err != nil:
		return 0, err
	case asJSON:
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return 0, e.Encode(r)
	}
	return 0, show.Types(os.Stdout, r)
}
