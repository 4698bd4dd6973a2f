package target

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"terem/internal/compare/result"
	"terem/internal/compare/spawn"
)

// Limits of an instance, where a target has limits.
const (
	Memory = 128 << 20 // bytes; of a VM, its RAM
	PIDs   = 512
)

// DataWord is the word of a program's arguments that stands for its data file.
const DataWord = "{data}"

// RootWord, at the beginning of a path in a program's arguments, stands for the root file
// system: where it is the root, for nothing.
const RootWord = "{root}"

// Target is one way to run a program. Its methods are called from one goroutine.
type Target interface {
	// About says what it is.
	About() About
	// Find looks whether it is installed, and gives its version.
	Find(ctx context.Context) (string, error)
	// Prepare makes what runs need.
	Prepare(ctx context.Context) error
	// Command is how to run a program once. What it has to write for that, it writes now.
	Command(r Run) (spawn.Command, error)
	// Remove takes away what a run that was killed has left behind.
	Remove(ctx context.Context, id string) error
	// Close undoes Prepare, also one that failed half-way.
	Close(ctx context.Context) error
}

// Phased is a Target whose runs are made of commands that can be timed one by one.
type Phased interface {
	Steps(r Run) ([]Step, error)
}

// Step is one command of a run, for a stacked bar.
type Step struct {
	Name    string
	Command spawn.Command // none: the step ends with the program
}

// Program says that a step is no command, but the time until the program is gone.
func (s Step) Program() bool { return s.Command.Argv == nil }

// About describes a target.
type About struct {
	Name, Title string
	Kind        result.Kind
	Package     string   // of Debian; empty: none is needed
	Note        string   // what a reader should know about the row
	Modes       []string // of the probe that it can run; nil: all
	Slow        bool     // a run takes seconds: fewer rounds
}

// Can says whether the target runs a mode of the probe.
func (a About) Can(mode string) bool { return a.Modes == nil || slices.Contains(a.Modes, mode) }

// Run is one run of a program.
type Run struct {
	ID   string   // names a container; unique
	Argv []string // in the root file system; DataWord stands for the data file
	Data string   // a file of the host's for the program; empty: none
}

// argv is the program's, with the data file in its place.
func (r Run) argv(data string) []string { return r.in("", data) }

// in is argv for a program that sees the root file system at root.
func (r Run) in(root, data string) []string {
	argv := make([]string, len(r.Argv))
	words := strings.NewReplacer(RootWord, root, DataWord, data)
	for i, w := range r.Argv {
		argv[i] = words.Replace(w)
	}
	return argv
}

// inData is where a container finds the data file.
const inData = "/data"

// Workspace is what all targets of a comparison share.
type Workspace struct {
	ID    string // in the name of everything that is made
	Dir   string // empty at first, and taken away at the end
	Root  string // the root file system
	Terem string // path of this program
	Host  *spawn.Host
	CPUs  int
	Log   func(string) // of what helps to find out why a target fails
}

// findLimit bounds a question for a version.
const findLimit = 10 * time.Second

// version looks a program up and asks it for its version.
func (w *Workspace) version(ctx context.Context, argv ...string) (string, error) {
	if _, err := exec.LookPath(argv[0]); err != nil {
		return "", ErrAbsent
	}
	p, err := w.Host.Run(ctx, spawn.Command{Argv: argv}, findLimit)
	if err != nil {
		return "", err
	}
	if err := p.Failure(); err != nil {
		return "", err
	}
	text := p.Out.String()
	if text == "" {
		text = p.Err.String() // java
	}
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line, nil
}

// run runs a command that makes or removes something.
func (w *Workspace) run(ctx context.Context, limit time.Duration, c spawn.Command) (*spawn.Process, error) {
	p, err := w.Host.Run(ctx, c, limit)
	if err == nil {
		err = p.Failure()
	}
	if err != nil {
		return p, fmt.Errorf("%s: %w", strings.Join(c.Argv[:min(3, len(c.Argv))], " "), err)
	}
	return p, nil
}

// mkdir makes a directory in the workspace.
func (w *Workspace) mkdir(elem ...string) (string, error) {
	dir := filepath.Join(append([]string{w.Dir}, elem...)...)
	return dir, os.MkdirAll(dir, 0o700)
}

// none is embedded by targets that make nothing.
type none struct{}

// Prepare makes nothing.
func (none) Prepare(context.Context) error { return nil }

// Remove has nothing to take away: a killed process group leaves nothing.
func (none) Remove(context.Context, string) error { return nil }

// Close undoes nothing.
func (none) Close(context.Context) error { return nil }
