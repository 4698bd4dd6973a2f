// Package sibling says where the other programs of this terem are: one command line for the user is several programs
// (docs/adr/0019-two-programs.md).
package sibling

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"terem/internal/fault"
)

// Self is the path of this program's file.
func Self() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	if to, err := filepath.EvalSymlinks(self); err == nil {
		self = to
	}
	return self, nil
}

// Places are the directories to look in, the first one first: where this program is, and where `make install` puts the others.
func Places() ([]string, error) {
	self, err := Self()
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(self)
	return []string{dir, filepath.Join(dir, "../lib/terem")}, nil
}

// Find is where another program of this terem is.
func Find(name string) (path string, err error) {
	places, err := Places()
	if err != nil {
		return "", err
	}
	for _, dir := range places {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return path, nil
		}
	}
	return "", &fault.Error{Class: fault.Host, Thing: name, Cause: "a part of terem that is neither in " + strings.Join(places, " nor in "),
		Mend: "install terem again, or `make build`"}
}
