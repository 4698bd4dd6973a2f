package grade

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"terem/internal/fault"
	"terem/internal/lab/exercise"
)

// Limits of a build. The first one on a machine compiles the standard library, too.
const (
	buildTime   = 3 * time.Minute
	buildMemory = 4 << 20 // KiB of address space, each process
	buildFile   = 1 << 20 // in units of 512 bytes, each file
	buildCPU    = 180     // seconds, each process
	buildSaid   = 16 << 10
)

// notBuilt is what the compiler says of a student's files.
type notBuilt struct{ said string }

func (e *notBuilt) Error() string { return e.said }

// build makes the program that a grading runs, from the files of a student's directory, as file to. An error of the student's is
// a *notBuilt.
func build(ctx context.Context, e *exercise.Exercise, student []exercise.File, to string) error {
	dir, err := os.MkdirTemp("", "terem-lab-build-")
	if err != nil {
		return &fault.Error{Class: fault.Host, Thing: "build", Err: err}
	}
	defer os.RemoveAll(dir)
	for _, list := range [][]exercise.File{student, e.Given(), e.Harness()} { // the grader's files last: they count
		if err := write(dir, list); err != nil {
			return &fault.Error{Class: fault.Host, Thing: "build", Err: err}
		}
	}
	return compile(ctx, dir, to)
}

// compile runs the go command.
func compile(ctx context.Context, dir, to string) error {
	goCommand, err := findGo()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, buildTime)
	defer cancel()
	limits := fmt.Sprintf(`ulimit -v %d && ulimit -f %d && ulimit -t %d && exec "$@"`, buildMemory, buildFile, buildCPU)
	c := exec.CommandContext(ctx, "/bin/sh", "-c", limits, "sh",
		goCommand, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", to, "./"+exercise.HarnessDir)
	c.Dir, c.Env = dir, buildEnv(dir)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) } // the compiler, too
	c.WaitDelay = time.Second
	said := &head{most: buildSaid}
	c.Stdout, c.Stderr = said, said
	err = c.Run()
	switch exit := new(exec.ExitError); {
	case err == nil:
		return nil
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return &notBuilt{fmt.Sprintf("the compiler was not done in %v", buildTime)}
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &exit):
		return &notBuilt{firstLines(said.String())}
	}
	return &fault.Error{Class: fault.Host, Thing: goCommand, Err: err}
}

// buildEnv has the go command use what is here and nothing else: no network, no other toolchain, no settings of a user's.
func buildEnv(dir string) []string {
	env := []string{"GOPROXY=off", "GOSUMDB=off", "GOTOOLCHAIN=local", "GOWORK=off", "GOENV=off", "GOFLAGS=-mod=readonly", "GO111MODULE=on",
		"CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOMAXPROCS=2"}
	for _, name := range []string{"PATH", "HOME", "XDG_CACHE_HOME", "GOCACHE", "GOROOT", "TMPDIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	if os.Getenv("HOME") == "" && os.Getenv("XDG_CACHE_HOME") == "" && os.Getenv("GOCACHE") == "" {
		env = append(env, "GOCACHE="+filepath.Join(dir, ".cache"))
	}
	return env
}

func findGo() (string, error) {
	if path, err := exec.LookPath("go"); err == nil {
		return path, nil
	}
	const usual = "/usr/local/go/bin/go"
	if _, err := os.Stat(usual); err == nil {
		return usual, nil
	}
	return "", &fault.Error{Class: fault.Host, Thing: "go", Cause: "there is no such command here, and an exercise is a Go program",
		Mend: "install Go 1.21 or later: https://go.dev/dl"}
}

// firstLines is what matters of the go command's words: the first mistakes.
func firstLines(said string) string {
	const most = 6
	var lines []string
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "./"))
		if line == "" || strings.HasPrefix(line, "# ") || strings.HasPrefix(line, "go: creating") {
			continue
		}
		if len(lines) == most {
			break
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return "the compiler ended without a word: it may have taken too much memory"
	}
	return strings.Join(lines, "\n")
}

// head keeps the beginning of what is written to it.
type head struct {
	bytes.Buffer
	most int
}

func (h *head) Write(p []byte) (int, error) {
	if room := h.most - h.Len(); room > 0 {
		h.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
