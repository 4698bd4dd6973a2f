package command

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"terem/internal/cli/enter"
)

const execPath = "terem exec"

// Exec is `terem exec`: its flags as typed, and what they ask for.
type Exec struct {
	o   enter.Options
	env []string
}

// Define puts the flags into fs.
func (f *Exec) Define(fs *pflag.FlagSet) {
	s := &f.o.Start
	fs.SortFlags = false
	fs.SetInterspersed(false) // what follows the command is the command's
	fs.BoolVarP(&f.o.Interactive, "interactive", "i", false, "give the program standard input")
	fs.BoolVarP(&s.TTY, "tty", "t", false, "give it a terminal")
	fs.StringArrayVarP(&f.env, "env", "e", nil, "`NAME=value` for the environment; NAME alone: its value here")
	fs.StringVarP(&s.Dir, "workdir", "w", "", "working `directory`")
	fs.StringVarP(&s.User, "user", "u", "", "who it runs as: a `user` or a number, and a group behind a colon")
	fs.BoolVarP(&s.Detach, "detach", "D", false, "do not wait for its end, and take no output")
}

// Execute starts the program, once fs has parsed a command line, and returns the exit status.
func (f *Exec) Execute(fs *pflag.FlagSet) (status int, err error) {
	bad := func(text string) error { return &UsageError{Command: execPath, Err: errors.New(text)} }
	s := &f.o.Start
	if fs.NArg() == 0 {
		return 0, bad("it wants the name of what runs, and a command")
	}
	f.o.Name, s.Argv = fs.Arg(0), fs.Args()[1:]
	switch {
	case len(s.Argv) > 0 && s.Argv[0] == "--":
		s.Argv = s.Argv[1:]
	case len(s.Argv) > 0 && strings.HasPrefix(s.Argv[0], "-"):
		return 0, bad(s.Argv[0] + ": flags stand before the name; a command that begins with a dash stands behind --")
	}
	if len(s.Argv) == 0 && f.o.Interactive {
		s.Argv = []string{"/bin/sh"}
	}
	switch {
	case len(s.Argv) == 0:
		return 0, bad("it wants a command; with -it that is a shell, if there is none")
	case s.Argv[0] == "":
		return 0, bad("the command is empty")
	case s.Detach && (s.TTY || f.o.Interactive):
		return 0, bad("--detach: what is detached has neither input nor a terminal")
	}
	for _, word := range append([]string{s.User, s.Dir}, append(f.env, s.Argv...)...) {
		if strings.IndexByte(word, 0) >= 0 {
			return 0, bad("a word with a NUL in it")
		}
	}
	for _, e := range f.env {
		if e == "" || e[0] == '=' {
			return 0, bad(fmt.Sprintf("--env %q: a variable without a name", e))
		}
	}
	s.Env = overrides(f.env)
	f.o.Stdin, f.o.Stdout, f.o.Stderr = os.Stdin, os.Stdout, os.Stderr
	return enter.Run(&f.o)
}
