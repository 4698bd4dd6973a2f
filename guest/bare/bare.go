package bare

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

//go:embed src/*.c src/*.h
var shared embed.FS

// flags are gcc's: small, static, without library and without anything that differs between two builds.
// One segment holds code and constants; there is no writable data.
var flags = []string{
	"-Os", "-std=gnu11", "-Wall", "-Wextra", "-Werror",
	"-static", "-nostdlib", "-ffreestanding", "-fno-pie", "-no-pie",
	"-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-mno-red-zone", "-mno-sse",
	"-Wl,-z,noseparate-code,-z,max-page-size=4096,--build-id=none", "-s",
}

// Program is a program's source.
type Program struct {
	Name   string
	Source fs.FS             // src/*.c and src/*.h
	Shared []fs.FS           // the same of others that it has in it
	More   map[string][]byte // further headers, made by whoever builds it: name -> content
}

// trees are all source trees of a program.
func (p Program) trees() []fs.FS { return append(append([]fs.FS{shared}, p.Shared...), p.Source) }

// Part is something that decides what a program becomes.
type Part struct {
	Name string
	Text []byte
}

// Parts lists gcc's flags and all files but those in More, in a fixed order.
func (p Program) Parts() ([]Part, error) {
	parts := []Part{{p.Name + " flags", []byte(strings.Join(flags, "\n"))}}
	for _, src := range p.trees() {
		files, err := sources(src)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			parts = append(parts, Part{p.Name + " " + f.Name, f.Text})
		}
	}
	return parts, nil
}

// sources are the files of a source tree, in a fixed order.
func sources(src fs.FS) (files []Part, err error) {
	names, err := fs.Glob(src, "src/*.[ch]")
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		b, err := fs.ReadFile(src, n)
		if err != nil {
			return nil, err
		}
		files = append(files, Part{n, b})
	}
	return files, nil
}

// Unpack writes the source into a directory of the program's name below dir and returns that, with the
// arguments for gcc that compile it, run there, to a file called Name.
func (p Program) Unpack(dir string) (work string, args []string, err error) {
	work = filepath.Join(dir, p.Name)
	if err := os.Mkdir(work, 0o755); err != nil {
		return "", nil, err
	}
	args = append(args, flags...)
	args = append(args, "-o", p.Name)
	for _, src := range p.trees() {
		more, err := unpack(work, src)
		if err != nil {
			return "", nil, fmt.Errorf("unpack the source of %s: %w", p.Name, err)
		}
		args = append(args, more...)
	}
	for name, b := range p.More {
		if err := os.WriteFile(filepath.Join(work, name), b, 0o644); err != nil {
			return "", nil, err
		}
	}
	return work, args, nil
}

// unpack copies source files, and returns the names of those to compile.
func unpack(work string, src fs.FS) (compile []string, err error) {
	files, err := sources(src)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		base := filepath.Base(f.Name)
		if err := os.WriteFile(filepath.Join(work, base), f.Text, 0o644); err != nil {
			return nil, err
		}
		if filepath.Ext(base) == ".c" {
			compile = append(compile, base)
		}
	}
	return compile, nil
}
