package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"terem/internal/hardware/wire"
)

// load gives a module to the kernel, as insmod does, and looks whether it took its parameters: one that it does not
// know is no error to the kernel, and a boot that shall lack something would lack nothing.
func load(m wire.Module) error {
	f, err := os.Open(m.File)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := again(func() error { return unix.FinitModule(int(f.Fd()), m.Params, 0) }); err != nil {
		return fmt.Errorf("load %s %s: %w", m.File, m.Params, err)
	}
	name, _, _ := strings.Cut(filepath.Base(m.File), ".")
	if err := took(filepath.Join("/sys/module", name, "parameters"), m.Params); err != nil {
		return fmt.Errorf("load %s %s: %w", m.File, m.Params, err)
	}
	return nil
}

// took compares parameters, NAME=VALUE with blanks between them, with those in a directory of sysfs.
func took(dir, params string) error {
	for _, p := range strings.Fields(params) {
		name, want, _ := strings.Cut(p, "=")
		b, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("the module has no parameter %s", name)
		}
		if err != nil {
			return err
		}
		got := strings.TrimSpace(string(b))
		if truth := map[string]string{"0": "N", "1": "Y"}[want]; got != want && got != truth {
			return fmt.Errorf("%s is %s", p, got)
		}
	}
	return nil
}
