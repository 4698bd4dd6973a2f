package launch

import (
	"errors"

	"terem/internal/vm/machine"
)

// A Watcher looks at a machine while it runs: a debugger, a trace.
type Watcher interface {
	// Prepare is called before there is a machine, and may ask for what it has to have.
	Prepare(*machine.Config) error
	// Begin is called with the machine before it starts. Say prints a line of terem's own.
	Begin(m *machine.Machine, say func(format string, args ...any)) error
	// End is called once, after Prepare whatever came of that, while there is still what Begin got: the machine has ended, or never ran.
	End() error
}

// Output is a file that a watcher writes, and the field that names it.
type Output struct{ Field, Path string }

// ErrNoWatchers says that a program that is to start at once has no watchers: see NeedsTools.
var ErrNoWatchers = errors.New("what watches a machine is in the other program")

// prepare prepares the watchers. end is to be called in any case.
func (s *session) prepare(c *machine.Config) (end func() error, err error) {
	begun := 0
	end = func() (err error) {
		for _, w := range s.o.Watchers[:begun] {
			err = errors.Join(err, w.End())
		}
		begun = 0
		return err
	}
	for i, w := range s.o.Watchers {
		begun = i + 1
		if err := w.Prepare(c); err != nil {
			return end, err
		}
	}
	return end, nil
}

// watch has the watchers begin.
func (s *session) watch() error {
	for _, w := range s.o.Watchers {
		if err := w.Begin(s.m, s.say); err != nil {
			return err
		}
	}
	return nil
}
