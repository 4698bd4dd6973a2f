package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// outcome is what one boot showed. Times count from the start of terem.
type outcome struct {
	init, modules time.Duration // zero: not seen
	total         time.Duration
	status        int    // terem's exit status (package internal/cli/launch lists them)
	said          string // terem's own words on standard error
	ledger        ledger
}

// ledger is what is used here of `terem run --exits=json`.
type ledger struct {
	Finished []struct {
		Name  string        `json:"name"`
		Count uint64        `json:"count"`
		Time  time.Duration `json:"ns"`
	} `json:"finished"`
	KVM map[string]uint64 `json:"kvm"`
}

// watch runs terem to its end and copies the guest's console to w.
func watch(ctx context.Context, w io.Writer, terem string, args ...string) (outcome, error) {
	cmd := exec.CommandContext(ctx, terem, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return outcome{}, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return outcome{}, err
	}
	var o outcome
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		o.line(lines.Text(), time.Since(start))
		fmt.Fprintln(w, lines.Text())
	}
	if err := lines.Err(); err != nil {
		_, _ = io.Copy(io.Discard, stdout) // let terem come to its end
	}
	err = cmd.Wait()
	o.total = time.Since(start)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return o, err
	}
	o.status = cmd.ProcessState.ExitCode()
	return o, o.report(stderr.String())
}

// line notes a mark of the guest's script. The kernel may have put a message of its own before it.
func (o *outcome) line(text string, at time.Duration) {
	switch text = strings.TrimSpace(text); {
	case o.init == 0 && strings.HasSuffix(text, markInit):
		o.init = at
	case o.modules == 0 && strings.HasSuffix(text, markModules):
		o.modules = at
	}
}

// report takes terem's standard error apart: its own lines, then the ledger as a JSON object.
func (o *outcome) report(stderr string) error {
	said, object, found := strings.Cut("\n"+stderr, "\n{")
	o.said = strings.TrimSpace(said)
	if !found {
		return nil // terem ended before there was anything to count
	}
	if err := json.Unmarshal([]byte("{"+object), &o.ledger); err != nil {
		return fmt.Errorf("read terem's exit ledger: %w", err)
	}
	return nil
}
