package place

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// insideDir has engines in a machine's image.
const insideDir = "/engines"

// inside is the engine's program in a machine.
func (e *engine) inside() string { return filepath.Join(insideDir, e.program) }

// install puts the program into a root file system, and what it is linked with: loader and libraries where they are on this host.
func (e *engine) install(root string) error {
	files, err := libraries(e.path)
	if err != nil {
		return fmt.Errorf("take %s along: %w", e.program, err)
	}
	for _, f := range files {
		err = errors.Join(err, copyFile(f, filepath.Join(root, f)))
	}
	return errors.Join(err, copyFile(e.path, filepath.Join(root, e.inside())))
}

// libraryDirs are where the loaders of distributions look (ld.so(8)); the first is Debian's.
func libraryDirs() []string {
	return []string{"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"}
}

// mostLibraries bounds what a program can ask for.
const mostLibraries = 64

// libraries are the files that a program is linked with, its loader first; none if it is static.
func libraries(program string) (files []string, err error) {
	seen := map[string]bool{}
	queue := []string{program}
	for len(queue) > 0 {
		loader, names, err := linked(queue[0])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", queue[0], err)
		}
		queue = queue[1:]
		if loader != "" && !seen[loader] {
			seen[loader] = true
			files = append(files, loader)
		}
		for _, name := range names {
			path, err := library(name)
			if err != nil {
				return nil, err
			}
			if seen[path] {
				continue
			}
			seen[path] = true
			files, queue = append(files, path), append(queue, path)
		}
		if len(files) > mostLibraries {
			return nil, errors.New("it is linked with too many libraries")
		}
	}
	return files, nil
}

// linked reads what an ELF file asks for: its loader (PT_INTERP), and libraries (DT_NEEDED).
func linked(path string) (loader string, names []string, err error) {
	f, err := elf.Open(path)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	const longest = 4096
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP && p.Filesz > 0 && p.Filesz < longest {
			b := make([]byte, p.Filesz-1) // without the NUL at its end
			if _, err := io.ReadFull(p.Open(), b); err != nil {
				return "", nil, err
			}
			loader = string(b)
		}
	}
	names, err = f.ImportedLibraries()
	return loader, names, err
}

func library(name string) (string, error) {
	for _, dir := range libraryDirs() {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("library %s: not found", name)
}

// copyFile copies what a name leads to.
func copyFile(from, to string) error {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	w, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, w.Close())
}
