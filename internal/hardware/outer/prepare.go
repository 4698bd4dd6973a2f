package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"terem/internal/hardware/wire"
)

const home = "/root"

// prepare mounts what programs expect, and gives busybox its names.
func prepare() error {
	if err := leaveRAMDisk(); err != nil {
		return err
	}
	for _, m := range []struct{ kind, at, data string }{
		{"devtmpfs", "/dev", ""},
		{"proc", "/proc", ""},
		{"sysfs", "/sys", ""},
		{"devpts", "/dev/pts", ""},
		{"tmpfs", "/dev/shm", "mode=1777"},
		{"tmpfs", "/tmp", "mode=1777"},
		{"cgroup2", "/sys/fs/cgroup", ""},
	} {
		if err := mount(m.kind, m.at, m.data); err != nil {
			return err
		}
	}
	for link, to := range map[string]string{"/dev/fd": "/proc/self/fd", "/dev/stdin": "fd/0", "/dev/stdout": "fd/1", "/dev/stderr": "fd/2"} {
		if err := os.Symlink(to, link); err != nil {
			return err
		}
	}
	if out, err := exec.Command("/bin/busybox", "--install", "-s", "/bin").CombinedOutput(); err != nil {
		return fmt.Errorf("install busybox: %w: %s", err, out)
	}
	for _, name := range notBusybox() {
		if err := os.Remove("/bin/" + name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// notBusybox are names of busybox's under which tests expect the true program, and skip without it.
func notBusybox() []string { return []string{"mke2fs", "mkfs.ext2", "xz"} }

// scratch mounts a disk in memory on /tmp: a tmpfs has no O_DIRECT and does not tell what is in the page cache.
func scratch() error {
	if err := fillDisk("/dev/ram0", wire.ScratchFile); err != nil {
		return err
	}
	if err := unix.Mount("/dev/ram0", "/tmp", "ext4", 0, ""); err != nil {
		return fmt.Errorf("mount /dev/ram0 on /tmp: %w", err)
	}
	return os.Chmod("/tmp", 0o1777)
}

// fillDisk writes the blocks that the host has made of a file system's image (wire.Blocks).
func fillDisk(device, blocks string) error {
	b, err := os.ReadFile(blocks)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(device, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return wire.WriteBlocks(f, b)
}

func mount(kind, at, data string) error {
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(kind, at, kind, 0, data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", kind, at, err)
	}
	return nil
}

func environment() []string {
	return []string{"PATH=/bin:/sbin", "HOME=" + home, "TMPDIR=/tmp", "USER=root"}
}
