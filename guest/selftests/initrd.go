package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"terem/guest/initramfs"
)

// binaryName is the name of this program beside those that it runs.
const binaryName = "selftests"

// pageSize: the guest's kernel takes pages over that lie on page boundaries of the whole.
const pageSize = 4096

// programsIn lists the programs below a directory that build.sh made, as suite/program.
func programsIn(tree string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(tree, path)
		names = append(names, name)
		return err
	})
	return names, err
}

// writeInitrd writes the default guest's first root file system, and behind it an archive of the programs and of
// this one. The kernel unpacks archives that follow each other, whatever zeros are between them
// (Documentation/driver-api/early-userspace/buffer-format.rst).
func writeInitrd(out, base, tree string, programs []string) error {
	first, err := os.ReadFile(base)
	if err != nil {
		return err
	}
	own, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	a := new(initramfs.Archive)
	a.File(treeDir+"/"+binaryName, 0o755, own)
	for _, p := range programs {
		b, err := os.ReadFile(filepath.Join(tree, p))
		if err != nil {
			return err
		}
		a.File(treeDir+"/"+p, 0o755, b)
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(append(first, make([]byte, -len(first)&(pageSize-1))...)); err != nil {
		return err
	}
	if _, err := a.WriteTo(f); err != nil {
		return fmt.Errorf("write %s: %w", out, err)
	}
	return f.Close()
}
