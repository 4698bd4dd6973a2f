package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"terem/guest"
	"terem/guest/build"
	"terem/internal/cli/command"
	"terem/internal/cli/signals"
	"terem/internal/fault"
	"terem/internal/vm/symbols"
)

const guestRootLong = `Make DIR a root file system with what a program finds in the default guest. DIR is
made, or is empty. No root needed: /dev stays empty, and all belongs to you.`

func newGuest() *cobra.Command {
	c := &cobra.Command{
		Use:   "guest",
		Short: "Build and find the guest that terem boots by default",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use:   "build",
		Short: "Build kernel and initrd into the cache, unless they are there",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return buildGuest(c.Context()) },
	}, &cobra.Command{
		Use:   "path",
		Short: "Print where kernel, initrd and agent are",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return printGuest() },
	}, &cobra.Command{
		Use:     "root DIR",
		Short:   "Make DIR the guest's root file system, for a container",
		Long:    guestRootLong,
		Example: "  terem guest root /tmp/root\n  chroot /tmp/root sh",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return writeRoot(args[0]) },
	}, &cobra.Command{
		Use:     "symbols FILE",
		Short:   "Write the guest's kernel with its symbols into FILE, for gdb",
		Example: "  terem guest symbols vmlinux\n  gdb vmlinux -ex 'target remote :1234' -ex 'break start_kernel' -ex continue",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return writeSymbols(args[0]) },
	})
	return c
}

func buildGuest(ctx context.Context) error {
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, stop := signals.Context(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	dir, err := command.CacheDir()
	if err != nil {
		return err
	}
	for _, b := range []func(context.Context, string) error{
		func(ctx context.Context, dir string) error { _, err := build.Kernel(ctx, dir, os.Stderr); return err },
		func(ctx context.Context, dir string) error { _, err := build.Initrd(ctx, dir, os.Stderr); return err },
	} {
		if err := b(ctx, dir); err != nil {
			return &fault.Error{Class: fault.Host, Thing: "build the default guest", Err: err}
		}
	}
	return nil
}

func findGuest() (guest.Artifacts, error) {
	dir, err := command.CacheDir()
	if err != nil {
		return guest.Artifacts{}, err
	}
	a, err := guest.Find(dir)
	if err != nil {
		return a, &fault.Error{Class: fault.Host, Thing: "default guest", Err: err}
	}
	return a, nil
}

func writeRoot(dir string) error {
	a, err := findGuest()
	if err != nil {
		return err
	}
	err = guest.ExtractRoot(a.Initrd, dir)
	if errors.Is(err, guest.ErrNotEmpty) {
		return &fault.Error{Class: fault.Usage, Thing: dir, Err: guest.ErrNotEmpty, Mend: "name another directory, or empty it"}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return &fault.Error{Class: fault.Usage, Thing: dir, Cause: "there is no " + filepath.Dir(dir), Mend: "make that directory first, or name another"}
	}
	if err != nil {
		return &fault.Error{Class: fault.Host, Thing: "root file system", Err: err}
	}
	return nil
}

// writeSymbols writes what gdb reads of the kernel.
func writeSymbols(path string) error {
	a, err := findGuest()
	if err != nil {
		return err
	}
	f, err := os.Open(a.SystemMap)
	if err != nil {
		return err
	}
	defer f.Close()
	table, err := symbols.Parse(f)
	if err != nil {
		return fmt.Errorf("%s: %w", a.SystemMap, err)
	}
	kernel, err := os.ReadFile(a.VMLinux)
	if err != nil {
		return err
	}
	kernel, err = table.AddTo(kernel)
	if err != nil {
		return fmt.Errorf("%s: %w", a.VMLinux, err)
	}
	if err := writable(path); err != nil {
		return &fault.Error{Class: fault.Usage, Thing: path, Err: fault.Reason(err), Mend: "name a file that can be written"}
	}
	return toFile(path, func(w io.Writer) error { _, err := w.Write(kernel); return err })
}

func printGuest() error {
	a, err := findGuest()
	if err != nil {
		return err
	}
	fmt.Printf("kernel   %s\nbzImage  %s\ninitrd   %s\nagent    %s\nsymbols  %s\nconfig   %s\nrelease  %s\n",
		a.VMLinux, a.BzImage, a.Initrd, a.Agent, a.SystemMap, a.Config, a.KernelVersion)
	return nil
}
