package grade

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"terem/internal/fault"
	"terem/internal/lab/exercise"
)

// Limits of a build.
const (
	buildTime   = 20 * time.Second
	firstTime   = 4 * time.Minute // of one that compiles the standard library, too
	buildMemory = 4 << 20         // KiB of address space, each process
	buildFile   = 1 << 20         // in units of 512 bytes, each file
	buildSaid   = 16 << 10
)

// temporary is where the go command has its own files, beside the module: it takes none for one that is at the root of those.
const temporary = "tmp"

// notBuilt is what the compiler says of a student's files.
type notBuilt struct{ said string }

func (e *notBuilt) Error() string { return e.said }

// failed is a run of the go command that gave nothing.
type failed struct {
	said string
	late bool
}

func (e *failed) Error() string { return firstLines(e.said) }

// build makes the program that a grading runs, from the files of a student's directory, as file to. An error of the student's is
// a *notBuilt. What the compiler says of one of his files is; of anything else the exercise as it is handed out is built as well, and
// what that fails with is this host's.
func build(ctx context.Context, e *exercise.Exercise, student []exercise.File, to string) error {
	goCommand, err := findGo(ctx)
	if err != nil {
		return err
	}
	err = buildOnce(ctx, goCommand, e, student, to, buildTime)
	bad := new(failed)
	if !errors.As(err, &bad) {
		return err
	}
	if !bad.late && names(bad.said, student) {
		return &notBuilt{bad.Error()}
	}
	begin := time.Now()
	if err := asHandedOut(ctx, goCommand, e, to); err != nil {
		return err
	}
	const cold = 5 * time.Second // and more: the standard library had to be compiled, which now it need not
	if bad.late && time.Since(begin) > cold {
		err = buildOnce(ctx, goCommand, e, student, to, buildTime)
		if !errors.As(err, &bad) {
			return err
		}
	}
	if bad.late {
		return &notBuilt{fmt.Sprintf("the compiler was not done in %v", buildTime)}
	}
	return &notBuilt{bad.Error()}
}

// asHandedOut builds an exercise that nobody has changed. An error is this host's.
func asHandedOut(ctx context.Context, goCommand string, e *exercise.Exercise, to string) error {
	var list []exercise.File
	for _, f := range e.Start() {
		if !strings.Contains(f.Path, "/") {
			list = append(list, f)
		}
	}
	err := buildOnce(ctx, goCommand, e, list, to+".asis", firstTime)
	os.Remove(to + ".asis")
	bad := new(failed)
	if !errors.As(err, &bad) {
		return err
	}
	cause := "an exercise as it is handed out does not build here: " + printable(bad.Error())
	if bad.late {
		cause = fmt.Sprintf("an exercise as it is handed out was not built in %v", firstTime)
	}
	return &fault.Error{Class: fault.Host, Thing: "go build", Cause: cause, Mend: "look at Go's installation, its cache (`go env GOCACHE`) and the room in it"}
}

// names says whether the first thing that the compiler says is about a student's file, or about something that the grader misses in it.
func names(said string, student []exercise.File) bool {
	first, _, _ := strings.Cut(firstLines(said), "\n")
	if strings.HasPrefix(first, exercise.HarnessDir+"/") && strings.Contains(first, "exercise.") {
		return true
	}
	for _, f := range student {
		if strings.HasPrefix(first, f.Path+":") {
			return true
		}
	}
	return false
}

// buildOnce builds a directory of a student's files and the grader's.
func buildOnce(ctx context.Context, goCommand string, e *exercise.Exercise, student []exercise.File, to string, limit time.Duration) error {
	base, err := os.MkdirTemp("", "terem-lab-build-")
	if err != nil {
		return &fault.Error{Class: fault.Host, Thing: "build", Err: err}
	}
	defer removeAll(base)
	dir := filepath.Join(base, "module")
	if err := os.Mkdir(filepath.Join(base, temporary), 0o700); err != nil {
		return &fault.Error{Class: fault.Host, Thing: "build", Err: err}
	}
	for _, list := range [][]exercise.File{student, e.Given(), e.Harness()} {
		if err := write(dir, list); err != nil {
			return &fault.Error{Class: fault.Host, Thing: "build", Err: err}
		}
	}
	if err := plain(dir, student); err != nil {
		return err
	}
	return compile(ctx, goCommand, dir, to, limit)
}

// removeAll removes a directory in which a compiler may be about to be killed.
func removeAll(dir string) {
	const tries, pause = 50, 20 * time.Millisecond
	for range tries {
		if os.RemoveAll(dir) == nil {
			return
		}
		time.Sleep(pause)
	}
}

// compile runs the go command. It is killed when the grader dies, which the kernel looks at by the thread that started it.
func compile(ctx context.Context, goCommand, dir, to string, limit time.Duration) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	within, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	limits := fmt.Sprintf(`ulimit -v %d && ulimit -f %d && ulimit -t %d && exec "$@"`, buildMemory, buildFile, int(limit.Seconds()))
	c := exec.CommandContext(within, "/bin/sh", "-c", limits, "sh",
		goCommand, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", to, "./"+exercise.HarnessDir)
	c.Dir, c.Env = dir, buildEnv(dir)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) } // the compiler, too
	c.WaitDelay = time.Second
	said := &head{most: buildSaid}
	c.Stdout, c.Stderr = said, said
	err := c.Run()
	switch exit := new(exec.ExitError); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case within.Err() != nil:
		return &failed{late: true}
	case errors.As(err, &exit):
		return &failed{said: said.String()}
	}
	return &fault.Error{Class: fault.Host, Thing: goCommand, Err: err}
}

// buildEnv has the go command use what is here and nothing else: no network, no other toolchain, no settings of a user's. What it leaves
// behind when it is killed is beside dir.
func buildEnv(dir string) []string {
	env := []string{"TMPDIR=" + filepath.Join(filepath.Dir(dir), temporary), "GOPROXY=off", "GOSUMDB=off", "GOTOOLCHAIN=local", "GOWORK=off", "GOENV=off", "GOFLAGS=-mod=readonly", "GO111MODULE=on",
		"CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOMAXPROCS=2"}
	for _, name := range []string{"PATH", "HOME", "XDG_CACHE_HOME", "GOCACHE", "GOROOT"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	if os.Getenv("HOME") == "" && os.Getenv("XDG_CACHE_HOME") == "" && os.Getenv("GOCACHE") == "" {
		env = append(env, "GOCACHE="+filepath.Join(dir, ".cache"))
	}
	return env
}

// findGo finds the go command, and looks whether it is new enough.
func findGo(ctx context.Context) (string, error) {
	const usual, mend = "/usr/local/go/bin/go", "install Go 1.21 or later: https://go.dev/dl"
	path, err := exec.LookPath("go")
	if err != nil {
		path = usual
	}
	if _, err := os.Stat(path); err != nil {
		return "", &fault.Error{Class: fault.Host, Thing: "go", Cause: "there is no such command here, and an exercise is a Go program", Mend: mend}
	}
	const atMost = 10 * time.Second
	within, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	c := exec.CommandContext(within, path, "env", "GOVERSION")
	c.Dir, c.Env = "/", buildEnv(filepath.Join(os.TempDir(), "none"))
	said, err := c.Output()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return "", &fault.Error{Class: fault.Host, Thing: path + " env GOVERSION", Err: err, Mend: mend}
	}
	if version := strings.TrimSpace(string(said)); tooOld(version) {
		return "", &fault.Error{Class: fault.Host, Thing: path, Cause: "it is " + printable(version), Mend: mend}
	}
	return path, nil
}

// tooOld says whether exercises do not build with a version of Go. A toolchain that somebody made himself has another word for its own.
func tooOld(version string) bool {
	const oldest = 21
	minor := 0
	_, err := fmt.Sscanf(version, "go1.%d", &minor)
	return version == "" || err == nil && minor < oldest
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
