package grade

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"terem/internal/fault"
	"terem/internal/lab/exercise"
)

// What is taken of a student's directory: Go files in it, not below it.
const (
	mostFiles  = 32
	mostBytes  = 256 << 10 // of one file
	mostSource = 512 << 10 // of all: a compiler takes long for much
	mostListed = 4096      // entries that are looked at
)

// take reads a student's files. Files that the grader has itself are left out, and so are tests.
func take(e *exercise.Exercise, dir string) ([]exercise.File, error) {
	if dir == "" {
		return nil, errNoName()
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, &fault.Error{Class: fault.Usage, Thing: dir, Err: fault.Reason(err), Mend: fmt.Sprintf("`terem lab start %d DIR` makes a directory to grade", e.Number)}
	}
	defer root.Close()
	names, err := listed(root)
	if err != nil {
		return nil, &fault.Error{Class: fault.Usage, Thing: dir, Err: err, Mend: "leave in it what the exercise needs"}
	}
	given := map[string]bool{}
	for _, f := range e.Given() {
		given[f.Path] = true
	}
	var list []exercise.File
	total := 0
	for _, name := range names {
		if given[name] || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		if len(list) == mostFiles {
			return nil, &fault.Error{Class: fault.Usage, Thing: dir, Cause: fmt.Sprintf("more than %d Go files in it", mostFiles), Mend: "put them together"}
		}
		text, err := read(root, name)
		if err != nil {
			return nil, &fault.Error{Class: fault.Usage, Thing: filepath.Join(dir, name), Err: fault.Reason(err), Mend: "a directory to grade has regular files"}
		}
		if total += len(text); total > mostSource {
			return nil, &fault.Error{Class: fault.Usage, Thing: dir, Cause: fmt.Sprintf("more than %d KiB of Go files in it", mostSource>>10), Mend: "an exercise takes a few KiB"}
		}
		list = append(list, exercise.File{Path: name, Text: text})
	}
	return list, missing(e, dir, list)
}

// missing says which of the files to change is not there.
func missing(e *exercise.Exercise, dir string, list []exercise.File) error {
	have := map[string]bool{}
	for _, f := range list {
		have[f.Path] = true
	}
	for _, f := range e.Start() {
		if !strings.Contains(f.Path, "/") && !have[f.Path] {
			return &fault.Error{Class: fault.Usage, Thing: dir, Cause: fmt.Sprintf("it has no %s, so it is no directory of exercise %d", f.Path, e.Number),
				Mend: fmt.Sprintf("`terem lab start %d DIR` makes one", e.Number)}
		}
	}
	return nil
}

func listed(root *os.Root) ([]string, error) {
	d, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(mostListed)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if len(names) == mostListed {
		err = fmt.Errorf("%d entries and more", mostListed)
	}
	return names, err
}

// read reads a regular file. A link could lead to a file of whoever grades, a named pipe has no end.
func read(root *os.Root, name string) ([]byte, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) {
		return nil, errNoFile
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	// os.Root follows links that stay within, whatever the flags say.
	if named, err := root.Lstat(name); err != nil || !named.Mode().IsRegular() || !info.Mode().IsRegular() || !os.SameFile(named, info) {
		return nil, errors.Join(err, errNoFile)
	}
	text, err := io.ReadAll(io.LimitReader(f, mostBytes+1))
	if len(text) > mostBytes {
		return nil, fmt.Errorf("more than %d KiB", mostBytes>>10)
	}
	return text, err
}

var errNoFile = fmt.Errorf("it is no regular file: %w", fs.ErrInvalid)
