package main

import (
	"os"
	"path/filepath"
	"strings"

	"terem/guest"
	"terem/guest/cmdline"
	"terem/guest/distro"
	"terem/guest/initramfs"
)

// What the guest's script prints, each on a line of its own, when it has come so far.
const (
	markInit    = "stock: init runs"
	markModules = "stock: modules loaded"
)

// writeInitrd writes the modules as an archive behind the default guest's first root file system: the kernel
// unpacks archives that follow each other (Documentation/driver-api/early-userspace/buffer-format.rst). Init and
// busybox need nothing else of a kernel but a console, which Debian's have built in.
func writeInitrd(out, cacheDir string, modules []distro.Module) error {
	base, err := guest.FindInitrd(cacheDir)
	if err != nil {
		return err
	}
	first, err := os.ReadFile(base.Initrd)
	if err != nil {
		return err
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(first); err != nil {
		return err
	}
	a := new(initramfs.Archive)
	for _, m := range modules {
		a.File(modulePath(m), 0o644, m.ELF)
	}
	if _, err := a.WriteTo(f); err != nil {
		return err
	}
	return f.Close()
}

// modulePath is where a module lies in the guest.
func modulePath(m distro.Module) string { return filepath.Join("/lib", m.Name+".ko") }

// kernelWords tells init what to do: report, load the modules in their order, report, power off.
func kernelWords(modules []distro.Module) (string, error) {
	script := []string{"echo '" + markInit + "'", "uname -a"}
	for _, m := range modules {
		script = append(script, "insmod "+modulePath(m))
	}
	script = append(script, "echo '"+markModules+"'", "poweroff -f")
	o := cmdline.Options{Argv: []string{"sh", "-e", "-c", strings.Join(script, "\n")}, Pipe: true}
	words, err := o.Words()
	return strings.Join(words, " "), err
}
