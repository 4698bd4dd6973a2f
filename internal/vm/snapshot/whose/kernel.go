package whose

import (
	"bytes"
	"cmp"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"terem/internal/vm/symbols"
)

// kernel is the names of a kernel's variables and functions.
type kernel struct {
	dir   string
	names symbols.Table
	at    map[string]uint64
}

// newKernel reads a System.map.
func newKernel(r io.Reader) (*kernel, error) {
	names, err := symbols.Parse(r)
	if err != nil {
		return nil, err
	}
	// Names with underscores are often the edges of something: another one at the same address says more.
	slices.SortStableFunc(names, func(a, b symbols.Symbol) int {
		return cmp.Or(cmp.Compare(a.Addr, b.Addr), cmp.Compare(edge(a), edge(b)))
	})
	k := &kernel{names: names, at: map[string]uint64{}}
	for _, s := range names {
		k.at[s.Name] = s.Addr
	}
	return k, nil
}

// edge is 1 if a name begins with an underscore.
func edge(s symbols.Symbol) int {
	if strings.HasPrefix(s.Name, "_") {
		return 1
	}
	return 0
}

// within is the name of what is at an address, if it begins in a part of the kernel.
func (k *kernel) within(addr, start, end uint64) string {
	s, ok := k.names.Find(addr)
	if !ok || s.Addr < start || addr >= end {
		return "?"
	}
	return s.Name
}

// findKernel finds, among the directories below root, the kernel that is in a guest's memory: its notes are there, and so its build ID.
func findKernel(root string, t *tables) (*kernel, error) {
	if root == "" {
		return nil, nil
	}
	maps, err := filepath.Glob(filepath.Join(root, "*", "System.map"))
	if err != nil {
		return nil, err
	}
	for _, path := range maps {
		if dir := filepath.Dir(path); hasNotes(filepath.Join(dir, "vmlinux"), t) {
			return readKernel(dir)
		}
	}
	return nil, nil
}

func readKernel(dir string) (*kernel, error) {
	f, err := os.Open(filepath.Join(dir, "System.map"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	k, err := newKernel(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	k.dir = dir
	return k, nil
}

// hasNotes says whether the notes of an ELF file are in the guest's memory, where they are mapped.
func hasNotes(vmlinux string, t *tables) bool {
	const most = 64 << 10
	f, err := elf.Open(vmlinux)
	if err != nil {
		return false
	}
	defer f.Close()
	s := f.Section(".notes")
	if s == nil || s.Size == 0 || s.Size > most {
		return false
	}
	want, err := s.Data()
	got := make([]byte, len(want))
	return err == nil && t.read(s.Addr, got) && bytes.Equal(got, want)
}
