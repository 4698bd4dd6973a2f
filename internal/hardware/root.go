package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"terem/guest"
	"terem/guest/distro"
	"terem/guest/initramfs"
	"terem/internal/hardware/wire"
)

// busyboxPath is Debian's busybox-static, which the default guest has, too.
const busyboxPath = "/bin/busybox"

// tree is where the outer system has the module's packages: their test binaries, and their testdata beside them.
const tree = "/terem"

// addHost puts in files of this machine: name in the outer system, name here.
func addHost(a *initramfs.Archive, to, from string, perm uint32) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	a.File(to, perm, b)
	return nil
}

// newRoot has what each outer system needs: its PID 1, busybox, terem, and the guest at its place in the cache.
func newRoot(ctx context.Context, tmp, init, terem string) (*initramfs.Archive, error) {
	a := new(initramfs.Archive)
	for to, from := range map[string]string{"/init": init, "/bin/busybox": busyboxPath, "/bin/terem": terem, "/bin/terem-tools": terem + "-tools", "/bin/terem-net": terem + "-net", "/bin/terem-share": terem + "-share"} {
		if err := addHost(a, to, from, 0o755); err != nil {
			return nil, err
		}
	}
	a.CharDevice("dev/console", 0o600, 5, 1)
	a.File("etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"))
	a.File("etc/group", 0o644, []byte("root:x:0:\nnogroup:x:65534:\n"))
	for _, dir := range []string{"root", "run", "mnt", "var/tmp", "usr/bin", "sbin"} {
		a.Dir(dir, 0o755)
	}
	for _, name := range []string{"mke2fs", "mkfs.ext4", "e2fsck", "debugfs"} {
		if err := addProgram(ctx, a, path.Join("/sbin", name), path.Join("/sbin", name)); err != nil {
			return nil, err
		}
	}
	if err := addScratch(a, tmp); err != nil {
		return nil, err
	}
	if err := addDocs(a); err != nil {
		return nil, err
	}
	return a, addGuest(a)
}

// scratchSize is of the disk on /tmp. It takes memory only for what is written.
const scratchSize = 1 << 30

// addScratch makes the file system for the disk on /tmp.
func addScratch(a *initramfs.Archive, tmp string) error {
	f, err := os.CreateTemp(tmp, "scratch-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := f.Truncate(scratchSize); err != nil {
		return err
	}
	if err := tool("mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard", f.Name()); err != nil {
		return err
	}
	b, err := wire.Blocks(f)
	if err != nil {
		return fmt.Errorf("read the scratch disk: %w", err)
	}
	a.File(wire.ScratchFile, 0o644, b)
	return nil
}

// addDocs is for tests that compare a page with a table.
func addDocs(a *initramfs.Archive) error {
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		return err
	}
	for _, p := range pages {
		if err := addHost(a, path.Join(tree, p), p, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// addGuest copies the guest of this version of terem out of the cache.
func addGuest(a *initramfs.Archive) error {
	cache, err := guest.DefaultCacheDir()
	if err != nil {
		return err
	}
	g, err := guest.Find(cache)
	if err != nil {
		return err
	}
	files := []string{g.VMLinux, g.BzImage, g.SystemMap, g.Config, g.Initrd, g.Reach}
	for _, f := range []string{g.VMLinux, g.Initrd} {
		files = append(files, filepath.Join(filepath.Dir(f), guest.FileManifest))
	}
	for _, f := range files {
		rel, err := filepath.Rel(cache, f)
		if err != nil {
			return err
		}
		if err := addHost(a, path.Join("/root/.cache/terem", rel), f, 0o644); err != nil {
			return fmt.Errorf("copy the guest: %w", err)
		}
	}
	return nil
}

// addModules puts the modules in, and says how to load them. Params has parameters by module.
func addModules(a *initramfs.Archive, list []distro.Module, params map[string]string) []wire.Module {
	var load []wire.Module
	for _, m := range list {
		file := path.Join("/lib/modules", m.Name+".ko")
		a.File(file, 0o644, m.ELF)
		load = append(load, wire.Module{File: file, Params: params[m.Name]})
	}
	return load
}

// addPackage puts a test binary and the testdata of its package, and of packages below it, into the tree.
func addPackage(a *initramfs.Archive, p testPackage) error {
	if err := addHost(a, p.binary(), p.file, 0o755); err != nil {
		return err
	}
	return filepath.WalkDir(p.dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(name, "/testdata/") {
			return err
		}
		rel, err := filepath.Rel(p.dir, name)
		if err != nil {
			return err
		}
		return addHost(a, path.Join(p.work(), rel), name, 0o644)
	})
}

func writeInitrd(a *initramfs.Archive, p wire.Plan, name string) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	a.File(wire.PlanFile, 0o644, b)
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if _, err := a.WriteTo(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
