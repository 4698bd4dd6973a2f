package atwork

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// emulated skips a test outside of package hardware's outer systems: they have `terem` in PATH.
func emulated(t *testing.T) {
	t.Helper()
	if os.Getenv("TEREM_HARDWARE") == "" {
		t.Skip("runs in an outer system of package hardware: make test-amdv, make test-vtx")
	}
}

// long is for a test that takes minutes.
func long(t *testing.T) {
	t.Helper()
	if os.Getenv("TEREM_LONG") == "" {
		t.Skip("takes minutes: make test-amdv and make test-vtx have it, or TEREM_LONG=1")
	}
}

// said is what a run of terem left.
type said struct {
	status      int
	out, stderr string
	took        time.Duration
}

// limit is for one terem: a boot takes some seconds, on a host that does much else some tens.
const limit = 2 * time.Minute

// terem runs it to its end.
func terem(t *testing.T, stdin string, args ...string) said {
	t.Helper()
	return run(t, stdin, "terem", nil, args...)
}

// lab runs one of the lab's commands, which start many machines one after the other.
func lab(t *testing.T, args ...string) said {
	t.Helper()
	const limit = 20 * time.Minute
	return runFor(t, limit, "", "terem", nil, append([]string{"lab"}, args...)...)
}

// run is terem for a program that becomes it, with more in its environment.
func run(t *testing.T, stdin, program string, env []string, args ...string) said {
	t.Helper()
	return runFor(t, limit, stdin, program, env, args...)
}

// runFor is run with a limit.
func runFor(t *testing.T, limit time.Duration, stdin, program string, env []string, args ...string) said {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	c := exec.CommandContext(ctx, program, args...)
	c.Env = append(os.Environ(), env...)
	var out, stderr bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), &out, &stderr
	c.WaitDelay = 5 * time.Second
	start := time.Now()
	err := c.Run()
	s := said{c.ProcessState.ExitCode(), out.String(), stderr.String(), time.Since(start)}
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatalf("terem %q: %v", args, err)
	}
	if ctx.Err() != nil {
		t.Fatalf("terem %q did not end in %v; output %q, standard error %q", args, limit, s.out, s.stderr)
	}
	return s
}

// want checks a run.
func (s said) want(t *testing.T, status int, out string) {
	t.Helper()
	if s.status != status || s.out != out || s.stderr != "" {
		t.Errorf("status %d, output %q, standard error %q; want status %d, output %q and nothing", s.status, s.out, s.stderr, status, out)
	}
}

// wantAll is want for a program that also says something on standard error.
func (s said) wantAll(t *testing.T, status int, out, stderr string) {
	t.Helper()
	if s.status != status || s.out != out || s.stderr != stderr {
		t.Errorf("status %d, output %q, standard error %q; want status %d, %q, %q", s.status, s.out, s.stderr, status, out, stderr)
	}
}
