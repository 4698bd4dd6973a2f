package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// leaveRAMDisk makes the initial RAM disk a mount like any other: pivot_root(2), by which containers get their root,
// refuses the one that the kernel starts with. A second mount of it goes on top, and becomes the root.
func leaveRAMDisk() error {
	const second = "/second"
	if err := os.Mkdir(second, 0o755); err != nil {
		return err
	}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"bind", func() error { return unix.Mount("/", second, "", unix.MS_BIND, "") }},
		{"chdir", func() error { return unix.Chdir(second) }},
		{"move", func() error { return unix.Mount(".", "/", "", unix.MS_MOVE, "") }},
		{"chroot", func() error { return unix.Chroot(".") }},
		{"chdir", func() error { return unix.Chdir("/") }},
		{"remove", func() error { return os.Remove(second) }},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("leave the initial RAM disk: %s: %w", step.name, err)
		}
	}
	return nil
}
