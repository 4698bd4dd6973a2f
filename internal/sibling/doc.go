// Package sibling says where the other programs of this terem are: one command line for the user is several programs
// (docs/adr/0019-two-programs.md).
package sibling

import (
	"os"
	"path/filepath"
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
