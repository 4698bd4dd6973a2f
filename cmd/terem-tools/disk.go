package main

import (
	"context"
	"fmt"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"terem/internal/cli/command"
	"terem/internal/cli/signals"
	"terem/internal/vm/disk/image"
)

const diskLong = `Make, show and check disk images for "terem run --disk".

An image is raw (one byte of it is one byte of the disk), qcow2 (terem reads it, and
puts an overlay in front of it for the writes), or an overlay made by terem.`

const diskExample = `  terem disk create data.img 10G
  terem disk from-dir rootfs/ root.img
  terem disk from-dir debian.tar.xz root.img --size 4G
  terem disk info root.img
  terem disk check root.img`

func newDisk(status *int) *cobra.Command {
	c := &cobra.Command{
		Use:     "disk",
		Short:   "Make, show and check disk images",
		Long:    diskLong,
		Example: diskExample,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newDiskCreate(), newDiskFromDir(), newDiskInfo(), newDiskCheck(status))
	return c
}

func newDiskCreate() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:     "create PATH SIZE",
		Short:   "Make an empty image, which takes up room only as it fills",
		Example: "  terem disk create data.img 10G",
		Args:    cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			size, err := command.ParseSize(args[1])
			if err != nil {
				return &command.UsageError{Command: "terem disk create", Err: fmt.Errorf("%s: %w", args[1], err)}
			}
			return image.Create(args[0], size, force)
		},
	}
	c.Flags().BoolVar(&force, "force", false, "overwrite PATH, unless a guest has it")
	return c
}

const fromDirLong = `Make an ext4 image with the files of a directory or of a tar. No root needed.

All that Linux or the tar (plain, or packed by gzip, xz or zstd; sparse or not) says of a
file is in the image: owners, modes, times, extended attributes, access control lists,
flags such as immutable, devices, holes. What ext4 has no room for is an error with the
file's name. Links in a tar are followed below its root. PATH is there whole or not at all.`

func newDiskFromDir() *cobra.Command {
	f := &image.FromDir{}
	var size string
	c := &cobra.Command{
		Use:   "from-dir DIR|TAR PATH",
		Short: "Make an ext4 image from a directory or a tar",
		Long:  fromDirLong,
		Example: `  terem disk from-dir rootfs/ root.img
  terem disk from-dir debian.tar.xz root.img --size 4G --label root`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) (err error) {
			f.Source, f.Path = args[0], args[1]
			if size != "" {
				if f.Size, err = command.ParseSize(size); err != nil {
					return &command.UsageError{Command: "terem disk from-dir", Err: fmt.Errorf("--size %s: %w", size, err)}
				}
				if f.Size == 0 {
					return &command.UsageError{Command: "terem disk from-dir", Err: fmt.Errorf("--size %s: a disk of no bytes; leave it out for one that fits", size)}
				}
			}
			ctx, stop := interruptible()
			defer stop()
			return f.Make(ctx)
		},
	}
	c.Flags().StringVar(&size, "size", "", "`size` of the disk (default: twice the files and 256 MiB)")
	c.Flags().StringVar(&f.Label, "label", "", "`name` of the file system")
	c.Flags().BoolVar(&f.Force, "force", false, "overwrite PATH, unless a guest has it")
	return c
}

func newDiskInfo() *cobra.Command {
	var json bool
	c := &cobra.Command{
		Use:     "info PATH",
		Short:   "Show what an image is and what is in it",
		Example: "  terem disk info root.img\n  terem disk info --json root.img | jq .content",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			in, err := image.Examine(args[0])
			if err != nil {
				return err
			}
			if json {
				return in.JSON(os.Stdout)
			}
			return in.Text(os.Stdout)
		},
	}
	c.Flags().BoolVar(&json, "json", false, "print one JSON object")
	return c
}

const diskCheckLong = `Check an image: the structure of qcow2 images and overlays, and with e2fsck the ext2,
ext3 and ext4 file systems in it. Nothing is changed; what has a journal to replay is
checked as a copy in TMPDIR, and so is all that is not raw.

Exit status:
  0   nothing is wrong
  1   something is wrong
  2   nothing could be checked: a raw image without a file system that terem knows
  64  usage: the image cannot be opened, or a guest has it
  69  host: e2fsck is missing, no room for a copy`

// Exit statuses of a check.
const (
	statusProblems  = 1 // it found something
	statusUnchecked = 2 // it had nothing to look at
)

func newDiskCheck(status *int) *cobra.Command {
	var verbose bool
	c := &cobra.Command{
		Use:     "check PATH",
		Short:   "Look for damage in an image and its file systems",
		Long:    diskCheckLong,
		Example: "  terem disk check root.img\n  terem disk check -v root.img",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			ctx, stop := interruptible()
			defer stop()
			r, err := image.Check(ctx, args[0])
			if err != nil {
				return err
			}
			lines := append(r.Notes, r.Problems...)
			if r.Mend != "" {
				lines = append(lines, r.Mend)
			}
			if verbose {
				lines = append(lines, r.Details...)
			}
			for _, l := range lines {
				fmt.Printf("%s: %s\n", r.Path, l)
			}
			switch {
			case len(r.Problems) > 0:
				*status = statusProblems
			case !r.Checked:
				*status = statusUnchecked
			}
			return nil
		},
	}
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "add what e2fsck says of damage")
	return c
}

// interruptible ends with the signals that end a program.
func interruptible() (context.Context, context.CancelFunc) {
	return signals.Context(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
}
