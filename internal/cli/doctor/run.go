package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const (
	// outputLimit is how much of a program's output is kept, in bytes.
	outputLimit = 4 << 10

	// leftBehind bounds the wait for the end of the output when the program itself has ended.
	leftBehind = time.Second
)

// limited keeps the first bytes that are written to it, and takes the rest.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if room := outputLimit - l.Len(); room > 0 {
		l.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// errSlow says that a program did not end in time.
var errSlow = errors.New("no answer")

// firstLine runs a program for o.ProbeTime at the most, and gives the first line that it
// prints on either output. What it starts and leaves behind with its output is ended, too. The
// line may come with an error.
func firstLine(ctx context.Context, o Options, path string, args ...string) (string, error) {
	slow := fmt.Errorf("%w within %v", errSlow, o.ProbeTime)
	ctx, cancel := context.WithTimeoutCause(ctx, o.ProbeTime, slow)
	defer cancel()
	var out limited
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = leftBehind
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		_ = cmd.Cancel() // none of its group may be left: the one with the output has made a group of its own
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	line, _, _ := strings.Cut(strings.TrimSpace(out.String()), "\n")
	return printable(line), err
}

// printable drops what could upset a terminal.
func printable(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return -1
		}
		return r
	}, s))
}
