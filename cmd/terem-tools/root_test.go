package main

import (
	"errors"
	"testing"

	"terem/internal/cli/command"
)

func TestUsageErrorIsTyped(t *testing.T) {
	status := 0
	root := newRoot(&status)
	root.SetArgs([]string{"run", "--no-such-flag"})
	var usage *command.UsageError
	if err := root.Execute(); !errors.As(err, &usage) || usage.Command != "terem run" {
		t.Errorf("error %v of %+v, want a usage error of terem run", err, usage)
	}
}
