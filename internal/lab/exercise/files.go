package exercise

import (
	"embed"
	"io/fs"
	"path"
	"strings"
)

// Directories that begin with "_" are none of this module's packages: they are other modules' files.
//
//go:embed all:_files
var files embed.FS

// File is a file of an exercise's module.
type File struct {
	Path string // in the module
	Text []byte
}

// module is the go.mod of an exercise: it needs nothing but the standard library, and Go 1.21 will do.
const module = "module exercise\n\ngo 1.21\n"

// Start are the files that a student changes.
func (e *Exercise) Start() []File { return tree(path.Join("_files", e.Name, "start"), "") }

// Given are the files of the module that are the same for the student and the grader.
func (e *Exercise) Given() []File {
	list := []File{{"go.mod", []byte(module)}}
	if e.Number > 1 {
		list = append(list, tree("_files/kvm", "kvm")...)
	}
	return append(list, tree(path.Join("_files", e.Name, "given"), "")...)
}

// HarnessDir is where in the module the program is that the grader builds.
const HarnessDir = "grader"

// Harness are the files of that program.
func (e *Exercise) Harness() []File {
	list := append(tree("_files/harness", HarnessDir), tree(path.Join("_files", e.Name, "harness"), HarnessDir)...)
	if e.Number > 1 {
		list = append(list, tree("_files/machine", HarnessDir)...)
	}
	return list
}

// tree lists the files below a directory, as they are to be below another. What is embedded can be read.
func tree(from, to string) (list []File) {
	_ = fs.WalkDir(files, from, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // an exercise need not have each directory
		}
		text, err := files.ReadFile(name)
		list = append(list, File{path.Join(to, strings.TrimPrefix(name, from+"/")), text})
		return err
	})
	return list
}
