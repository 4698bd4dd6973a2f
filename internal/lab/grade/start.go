package grade

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"terem/docs/lab"
	"terem/internal/fault"
	"terem/internal/lab/exercise"
)

// Start lays out exercise e in a directory, which is made if it is not there and must be empty if it is.
func Start(e *exercise.Exercise, dir string) error {
	if dir == "" { // which is not there, and files below it would be in the current directory
		return errNoName()
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return &fault.Error{Class: fault.Usage, Thing: dir, Err: fault.Reason(err), Mend: "name a directory"}
	case len(entries) > 0:
		return &fault.Error{Class: fault.Usage, Thing: dir, Cause: "it is not empty", Mend: "name one that is, or that is not there"}
	}
	list := append(e.Given(), e.Start()...)
	for name, text := range lab.Pages(e.Name) {
		list = append(list, exercise.File{Path: name, Text: text})
	}
	if err := write(dir, list); err != nil {
		return &fault.Error{Class: fault.Usage, Thing: dir, Err: err}
	}
	return nil
}

// errNoName is for a directory without a name, as a shell's variable gives that was not set.
func errNoName() error {
	return &fault.Error{Class: fault.Usage, Thing: "DIR", Cause: "its name is empty", Mend: "name a directory"}
}

// write writes new files below a directory.
func write(dir string, list []exercise.File) error {
	const everybodyReads, everybodyEnters = 0o644, 0o755
	for _, f := range list {
		name := filepath.Join(dir, f.Path)
		if err := os.MkdirAll(filepath.Dir(name), everybodyEnters); err != nil {
			return err
		}
		if err := writeNew(name, f.Text, everybodyReads); err != nil {
			return err
		}
	}
	return nil
}

// writeNew writes a file that is not there yet: what is there is somebody's work.
func writeNew(name string, text []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
