package build

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// tailLines is how much of the log a failure shows.
const tailLines = 30

// runner runs the steps of a build: their output goes to a log file, and each line of it to watch.
type runner struct {
	ctx   context.Context
	log   *os.File
	watch func(line string)
}

func newRunner(ctx context.Context, logPath string, watch func(line string)) (*runner, error) {
	f, err := os.Create(logPath)
	if err != nil {
		return nil, fmt.Errorf("create the build log: %w", err)
	}
	return &runner{ctx: ctx, log: f, watch: watch}, nil
}

func (r *runner) close() { r.log.Close() }

// run runs one command in dir. Its whole process group ends with the context.
func (r *runner) run(dir string, stdin io.Reader, env []string, argv ...string) error {
	fmt.Fprintf(r.log, "$ %s\n", strings.Join(argv, " "))
	cmd := exec.CommandContext(r.ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, env, stdin
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w: %s", argv[0], err, mend)
	}
	readErr := r.copy(out)
	if err := errors.Join(readErr, cmd.Wait()); err != nil {
		if cause := context.Cause(r.ctx); cause != nil {
			return fmt.Errorf("%s: %w", argv[0], cause)
		}
		return r.failed(argv[0], err)
	}
	return nil
}

func (r *runner) copy(out io.Reader) error {
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if _, werr := io.WriteString(r.log, line); werr != nil {
			return fmt.Errorf("write the build log: %w", werr)
		}
		if r.watch != nil {
			r.watch(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *runner) failed(name string, err error) error {
	b, readErr := os.ReadFile(r.log.Name())
	if readErr != nil {
		return fmt.Errorf("%s: %w (log: %s)", name, err, r.log.Name())
	}
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	return fmt.Errorf("%s: %w; the log's end follows, all of it is in %s\n%s", name, err, r.log.Name(), strings.Join(lines, "\n"))
}
