package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"terem/boot/unpack"
	"terem/guest"
	"terem/internal/cli/command"
	"terem/internal/cli/launch"
	"terem/internal/cli/signals"
	"terem/internal/cli/steer"
	"terem/internal/fault"
	"terem/internal/vm/control"
	"terem/internal/vm/disk/qcow2/inflate"
	"terem/internal/vm/machine"
	"terem/internal/vm/snapshot"
	"terem/internal/vm/snapshot/whose"
)

const snapshotLong = `Write a machine that runs into a directory: its memory, its processors and its devices.
"terem restore" has it go on from there, as often as wanted, on a host like this one. The
machine stands still while its memory is copied, and then goes on. Its disks are not in the
snapshot, so that it may have read-only ones alone.

With --diff, a machine that was restored from a snapshot writes only what has changed since. The
new snapshot needs that one, its parent, which must stay where it is and as it is, or be moved
together with it. A machine can be restored from a diff like from any other, and a diff can be
the parent of others: up to 64 make a chain.`

func newSnapshot() *cobra.Command {
	var q control.Snapshot
	c := byName(&cobra.Command{
		Use:     "snapshot name dir",
		Short:   "Write a running machine into a directory",
		Long:    snapshotLong,
		Example: "  terem snapshot web web.snap\n  terem restore -D --name again web.snap\n  terem snapshot --diff again later.snap\n  terem snapshot verify later.snap",
		Args:    cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			if args[1] == "" {
				return &command.UsageError{Command: "terem snapshot", Err: errors.New("the directory's name is empty")}
			}
			var err error
			if q.Dir, err = filepath.Abs(args[1]); err != nil {
				return err
			}
			return steer.Each(args[:1], say, func(_ string, c control.Client) error { return c.Snapshot(q) })
		},
	})
	c.Flags().BoolVar(&q.Replace, "force", false, "take the place of a snapshot that is there")
	c.Flags().BoolVar(&q.Diff, "diff", false, "only what has changed since the snapshot from which the machine was restored")
	c.AddCommand(&cobra.Command{
		Use:   "verify dir...",
		Short: "Read all of a snapshot and compare it with its checksums",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, dirs []string) error {
			ctx, stop := signals.Context(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
			defer stop()
			return verify(ctx, dirs)
		},
	}, newMerge(), newSnapshotDiff())
	return c
}

func newMerge() *cobra.Command {
	replace := false
	c := &cobra.Command{
		Use:   "merge dir out",
		Short: "Make a whole snapshot of a diff and its parents",
		Long: `Make a whole snapshot of a diff and its parents, with the same machine in it. No machine is
started. The old ones stay as they are; what is a diff of them still needs them, and not the new one.`,
		Example: "  terem snapshot merge later.snap alone.snap\n  terem snapshot merge --force later.snap later.snap",
		Args:    cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, dirs []string) error {
			ctx, stop := signals.Context(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
			defer stop()
			return interrupted(snapshot.Merge(ctx, dirs[0], dirs[1], replace), dirs[0])
		},
	}
	c.Flags().BoolVar(&replace, "force", false, "take the place of a snapshot that is there, also of dir itself")
	return c
}

const snapshotDiffLong = `Show which pages of memory differ between two snapshots of one machine (or of two with as much
memory), and whose they are: the kernel's, with the variables in them that changed, as far as its
symbols are in terem's cache; a virtio queue's; page tables; the program that ran on a CPU. Whose
the rest is cannot be told from the two snapshots alone.`

func newSnapshotDiff() *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:     "diff dir dir",
		Short:   "Show which memory differs between two snapshots, and whose it is",
		Long:    snapshotDiffLong,
		Example: "  terem snapshot diff web.snap later.snap\n  terem snapshot diff --json web.snap later.snap | jq '.owners[].runs'",
		Args:    cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, dirs []string) error {
			ctx, stop := signals.Context(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
			defer stop()
			r, err := snapshotDiff(ctx, dirs[0], dirs[1])
			if err != nil {
				return interrupted(err, dirs[1])
			}
			if !asJSON {
				return r.Write(os.Stdout)
			}
			e := json.NewEncoder(os.Stdout)
			e.SetIndent("", "  ")
			return e.Encode(r)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "for programs: all symbols and all addresses, too")
	return c
}

func snapshotDiff(ctx context.Context, before, after string) (*whose.Report, error) {
	a, err := snapshot.Open(before)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	b, err := snapshot.Open(after)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	pages, err := snapshot.Compare(ctx, a, b)
	if err != nil {
		return nil, err
	}
	var state machine.State
	if err := json.Unmarshal(b.Machine, &state); err != nil {
		return nil, &fault.Error{Class: fault.Usage, Thing: "snapshot " + after, Cause: "what it says of the machine makes no sense", Mend: "take it again"}
	}
	was, err := a.RAM()
	if err != nil {
		return nil, err
	}
	is, err := b.RAM()
	if err != nil {
		return nil, err
	}
	kernels := "" // none, and no names
	if cache, err := guest.DefaultCacheDir(); err == nil {
		kernels = guest.KernelRoot(cache)
	}
	return whose.Tell(ctx, was, whose.Image{RAM: is, State: &state}, pages, kernels)
}

// verify reads all of them; the last that is not whole is the error, and those before are told at once.
func verify(ctx context.Context, dirs []string) (last error) {
	for _, dir := range dirs {
		parents, err := verifyOne(ctx, dir)
		if err != nil && last != nil {
			say(last)
		}
		if err != nil {
			last = err
			continue
		}
		fmt.Fprintf(os.Stdout, "%s: whole%s\n", dir, parents)
	}
	return last
}

// verifyOne also says of which parents that holds, too.
func verifyOne(ctx context.Context, dir string) (parents string, err error) {
	s, err := snapshot.Open(dir)
	if err != nil {
		return "", err
	}
	defer s.Close()
	if n := s.Parents(); n == 1 {
		parents = ", and so is its parent"
	} else if n > 1 {
		parents = fmt.Sprintf(", and so are its %d parents", n)
	}
	return parents, interrupted(s.Verify(ctx), dir)
}

// interrupted puts what the user called off into words.
func interrupted(err error, dir string) error {
	if !errors.Is(err, context.Canceled) {
		return err
	}
	return &fault.Error{Class: fault.Host, Thing: "snapshot " + dir, Cause: "interrupted before all was read"}
}

const restoreLong = `Have a machine go on from a snapshot that "terem snapshot" has taken, on a host like the one
where it was taken. For the machine that is as after a suspend: its clock is right, its timers go on, and its
random numbers are new. Its memory is the snapshot's file until it writes to it: what many machines of one snapshot have
in common is there once.

A machine with its console on a terminal has it on this one. A command whose output went
elsewhere has it on standard output and standard error now; what was on its way at the moment of the snapshot
is lost.

A snapshot of "terem run --snapshot-at" stands before its command, which runs now; one of the moment "ready" runs
another one, if one is given, and in the background, if there is none at all, it waits for "terem exec".`

func newRestore(status *int) *cobra.Command {
	f := &command.Restore{}
	c := &cobra.Command{
		Use:     "restore [flags] dir [-- command args]",
		Short:   "Have a machine go on from a snapshot",
		Long:    restoreLong + "\n" + runStatuses,
		Example: "  terem restore web.snap\n  terem restore -D --name web web.snap\n  terem restore --name clone --number 100 web.snap\n  terem restore ready.snap -- uname -a",
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			*status, err = f.Execute(c.Flags(), launch.Decoders{Kernel: unpack.Open, Disk: inflate.New})
			return examined(err)
		},
	}
	f.Define(c.Flags())
	complete(c, map[string]cobra.CompletionFunc{"console": words("stdio", "none"), "exits": words("table", "json")})
	return c
}
