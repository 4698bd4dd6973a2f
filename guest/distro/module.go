package distro

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ulikunitz/xz"
)

// maxModule bounds what a compressed module may unpack to.
const maxModule = 64 << 20

// Module is one kernel module, unpacked.
type Module struct {
	Name string // as the kernel calls it: kvm_amd
	ELF  []byte
}

// LoadOrder reads the modules that are named and those that they need, each after those that it needs. A
// name that no file has is built into the kernel, or so the kernel's own modules.builtin must say.
func (im Image) LoadOrder(names ...string) ([]Module, error) {
	dir := im.modules
	files, err := moduleFiles(dir)
	if err != nil {
		return nil, fmt.Errorf("list the modules in %s: %w", dir, err)
	}
	builtin, err := os.ReadFile(filepath.Join(dir, "modules.builtin"))
	if err != nil {
		return nil, fmt.Errorf("list the modules in %s: %w", dir, err)
	}
	o := order{files: files, builtin: moduleNames(builtin)}
	for _, n := range names {
		if err := o.add(n); err != nil {
			return nil, fmt.Errorf("load module %s: %w", n, err)
		}
	}
	return o.list, nil
}

type order struct {
	files   map[string]string // name to path
	builtin []string
	seen    []string
	list    []Module
}

func (o *order) add(name string) error {
	if slices.Contains(o.seen, name) || slices.Contains(o.builtin, name) {
		return nil
	}
	o.seen = append(o.seen, name)
	path, ok := o.files[name]
	if !ok {
		return errors.New("the package has no such module")
	}
	image, err := readModule(path)
	if err != nil {
		return err
	}
	needs, err := depends(image)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, n := range needs {
		if err := o.add(n); err != nil {
			return fmt.Errorf("which needs %s: %w", n, err)
		}
	}
	o.list = append(o.list, Module{name, image})
	return nil
}

// moduleName is the name that the kernel has for a file: foo-bar.ko.xz is foo_bar.
func moduleName(file string) (string, bool) {
	base, _, ok := strings.Cut(filepath.Base(file), ".ko")
	return strings.ReplaceAll(base, "-", "_"), ok
}

// moduleNames reads modules.builtin: a path on each line.
func moduleNames(list []byte) []string {
	var names []string
	for line := range strings.Lines(string(list)) {
		if n, ok := moduleName(strings.TrimSpace(line)); ok {
			names = append(names, n)
		}
	}
	return names
}

func moduleFiles(dir string) (map[string]string, error) {
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if n, ok := moduleName(path); ok {
			files[n] = path
		}
		return nil
	})
	return files, err
}

// readModule unpacks a module here: the host does it sooner than the guest.
func readModule(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil || !strings.HasSuffix(path, ".xz") {
		return b, err
	}
	r, err := xz.NewReader(bytes.NewReader(b))
	if err == nil {
		b, err = io.ReadAll(io.LimitReader(r, maxModule))
	}
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", path, err)
	}
	return b, nil
}

// depends reads the section .modinfo: strings KEY=VALUE, each ended by a NUL.
func depends(image []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return nil, err
	}
	info := f.Section(".modinfo")
	if info == nil {
		return nil, errors.New("no section .modinfo")
	}
	data, err := info.Data()
	if err != nil {
		return nil, err
	}
	for s := range strings.SplitSeq(string(data), "\x00") {
		if v, ok := strings.CutPrefix(s, "depends="); ok {
			return strings.FieldsFunc(v, func(r rune) bool { return r == ',' }), nil
		}
	}
	return nil, nil
}
