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
	"terem/internal/fault"
	"terem/internal/lab/boot"
	"terem/internal/lab/show"
)

const bootLong = `A timeline from power-on to a program and its end, in a virtual machine that is booted for
it: the phases, what happens in each and what a computer on a desk does in its place, what
the kernel says, and what left the guest for terem ("terem run --exits -- true" has more of
that).

Exit status:
  0      shown
  69     host: no KVM, no guest
  130    interrupted`

func newBoot(status *int) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "boot [flags]",
		Short: "Show what happens between power-on and a program",
		Long:  bootLong,
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) (err error) {
			*status, err = watchBoot(asJSON)
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print all of it as JSON")
	return c
}

func watchBoot(asJSON bool) (status int, err error) {
	terem, err := command.Caller()
	if err != nil {
		return 0, err
	}
	ctx, stop := signals.Context(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	t, err := boot.Watch(ctx, terem)
	switch {
	case errors.Is(err, context.Canceled):
		const interrupted = 130 // as a shell has it for SIGINT
		return interrupted, nil
	case err != nil:
		return 0, &fault.Error{Class: fault.Host, Thing: "a machine to boot", Err: err}
	case asJSON:
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return 0, e.Encode(t)
	}
	return 0, show.Boot(os.Stdout, t)
}
