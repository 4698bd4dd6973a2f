package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/spf13/cobra"

	"terem/internal/cli/doctor"
	"terem/internal/cli/tty"
	"terem/internal/fault"
)

func newDoctor(status *int) *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this host can do, and how to mend what it cannot",
		Long: `Look at KVM and its backend, at what this host itself runs on, at the container engines
that are installed, and at the default guest. Each missing thing comes with the command that
mends it. The exit status is 0 if "terem run" can work here, else 69.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r := doctor.Examine(context.Background(), doctor.Options{})
			if !r.OK() {
				*status = fault.StatusHost
			}
			if asJSON {
				e := json.NewEncoder(os.Stdout)
				e.SetIndent("", "  ")
				return e.Encode(r)
			}
			return r.Text(os.Stdout, tty.Colors(os.Stdout))
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print the report for a program")
	return c
}
