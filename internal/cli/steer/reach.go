package steer

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"terem/internal/fault"
	"terem/internal/running"
	"terem/internal/vm/control"
)

// appears is how long what has begun may take to open its socket.
const appears = 5 * time.Second

// Reach finds what runs under a name, and waits for one that only begins.
func Reach(name string) (c control.Client, err error) {
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		c, err = find(name)
		if _, none := os.Stat(c.Path); err != nil || none == nil || time.Since(start) > appears {
			return c, err
		}
	}
}

// find does not wait.
func find(name string) (control.Client, error) {
	dir, err := running.Find(running.Root(), name)
	return control.Client{Path: filepath.Join(dir, running.ControlSocket)}, err
}

// Say puts what a control socket answered into an error that names whom it is about.
func Say(name string, err error) error {
	var no *control.Refused
	switch {
	case err == nil:
		return nil
	case errors.Is(err, control.ErrGone):
		return &fault.Error{Class: fault.Host, Thing: name, Err: err, Mend: "see `terem ps`"}
	case errors.As(err, &no):
		return &fault.Error{Class: fault.Host, Thing: name, Err: err}
	}
	return &fault.Error{Class: fault.Host, Thing: name, Err: err, Mend: "see `terem ps`"}
}

// Each does something for each name, and goes on after one that fails. The error is the last; those before it are given to also.
func Each(names []string, also func(error), do func(name string, c control.Client) error) (last error) {
	for _, name := range names {
		c, err := Reach(name)
		if err == nil {
			err = Say(name, do(name, c))
		}
		if err != nil && last != nil {
			also(last)
		}
		if err != nil {
			last = err
		}
	}
	return last
}

// freed is how long a process may take to take itself apart after it has said how it ended.
const freed = 5 * time.Second

// End does for each name what waits for its end, and returns when the names are free again.
func End(names []string, also func(error), do func(name string, c control.Client) error) error {
	return Each(names, also, func(name string, c control.Client) error {
		w, err := running.NewWatch(filepath.Dir(c.Path))
		if err != nil {
			return control.ErrGone
		}
		if err := do(name, c); err != nil {
			return errors.Join(err, w.Close())
		}
		w.Await(freed)
		return nil
	})
}
