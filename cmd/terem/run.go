package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"terem/boot"
	"terem/devices/virtio/rng"
	"terem/internal/cli/launch"
	"terem/internal/vm/disk"
	"terem/internal/vm/machine"
)

const runLong = `Boot a Linux guest and connect its console to this terminal.

Without --kernel, terem boots its own guest (see "terem guest"): a shell, or the command
after "--", whose exit status becomes terem's. With pipes instead of a terminal, standard
input reaches the guest and ends there, and the command's output comes back: standard
output and standard error as one stream.

The first --disk becomes the root file system if there is a program on it. Without a command, at a
terminal, its own /sbin/init starts; if it has none, a shell.

--disk takes path[,ro][,id=NAME][,cache=writeback|writethrough|none][,overlay=PATH]:
  ro       read-only
  id       the serial number that the guest reads, 20 characters at most
  cache    writeback: writes are in the host's page cache until the guest flushes;
           writethrough: each is flushed; none: they go past the page cache
  overlay  a file that takes the writes, so that path stays as it is

Keys on a terminal: Ctrl-A x ends the guest, Ctrl-A b sends a break (then a SysRq key),
Ctrl-A Ctrl-A sends Ctrl-A, Ctrl-A h helps.`

const runExample = `  terem run                                  a shell in a guest
  terem run -- uname -a                      one command
  echo 'ls /proc | wc -l' | terem run        commands from a pipe
  terem run --memory 1G --cpus 2 -- nproc
  terem run --disk root.img                  a disk; its file system becomes the root
  terem run --disk base.qcow2,overlay=my.over --disk data.img,ro
  terem run --kernel vmlinuz --initrd initrd.img --append 'ro quiet'
  terem run --exits -- true                  what the guest cost, exit by exit`

// runFlags are the flags of `terem run` as typed.
type runFlags struct {
	o       launch.Options
	memory  string
	payload string
	exits   string
	disks   []string
	rng     string
	balloon string
	timeout time.Duration
}

func newRun(status *int) *cobra.Command {
	f := &runFlags{}
	c := &cobra.Command{
		Use:     "run [flags] [-- command args]",
		Short:   "Boot a guest on this terminal",
		Long:    runLong,
		Example: runExample,
		Args:    commandAfterDash,
		RunE: func(c *cobra.Command, args []string) error {
			if err := notEmpty(c); err != nil {
				return err
			}
			if err := f.options(args); err != nil {
				return err
			}
			s, err := launch.Run(&f.o)
			*status = s
			return err
		},
	}
	f.define(c)
	return c
}

func (f *runFlags) define(c *cobra.Command) {
	o, fs := &f.o, c.Flags()
	fs.SortFlags = false
	fs.StringVarP(&o.Kernel, "kernel", "k", "", "bzImage or ELF `file` to boot (default: terem's own guest)")
	fs.StringVarP(&o.Initrd, "initrd", "i", "", "initial RAM disk `file`")
	fs.StringVarP(&o.Append, "append", "a", "", "`words` to add to the kernel command line")
	fs.StringVarP(&f.memory, "memory", "m", "128M", "guest RAM: a `size` such as 512M or 4G")
	fs.IntVarP(&o.CPUs, "cpus", "c", 1, "`number` of virtual CPUs")
	fs.StringArrayVarP(&f.disks, "disk", "d", nil, "a `disk`: a raw or qcow2 image or a block device, and its options (above)")
	fs.StringVar(&o.Root, "root", "", "the guest's root file system: a `device` such as /dev/vda, or none (default: the first disk, if there is a program on it)")
	fs.StringVar(&f.rng, "rng", "", "a source of random numbers, with a `rate` in bytes a second (--rng alone: 1M)")
	fs.Lookup("rng").NoOptDefVal = "1M"
	fs.StringVar(&f.balloon, "balloon", "", "take back what the guest does not use, and a `size` besides (SIGUSR1: a line about its memory)")
	fs.Lookup("balloon").NoOptDefVal = "0"
	fs.StringVar(&o.CPU, "cpu", "host", "CPU `model`: host, and features to take away: host,-avx512f (on VT-x and AMD-V)")
	fs.StringVar(&o.Console, "console", "stdio", "where the console goes: stdio, none, or a `file`")
	fs.DurationVar(&f.timeout, "timeout", 0, "end the guest after this `time`: 30s, 5m; 0 is never")
	fs.StringVar(&f.exits, "exits", "", "print the exit ledger at the end, in this `form`: table (if none is given) or json")
	fs.Lookup("exits").NoOptDefVal = "table"
	fs.BoolVarP(&o.Quiet, "quiet", "q", false, "say nothing but errors")
	fs.BoolVarP(&o.Verbose, "verbose", "v", false, "say what is booted, and how")
	fs.StringVar(&f.payload, "payload", "auto", "how to enter a bzImage, the `way`: auto, compressed, decompressed")
	fs.BoolVar(&o.NoParams, "no-params", false, "add no kernel parameters for a software KVM backend")
	fs.BoolVar(&o.NoAssist, "no-assist", false, "do not finish instructions that KVM leaves undone")
	for name, complete := range completions() {
		if err := c.RegisterFlagCompletionFunc(name, complete); err != nil {
			panic(err) // a flag of that name is defined above
		}
	}
}

// commandAfterDash refuses words before "--": `terem run ls` is most likely meant
// to be `terem run -- ls`.
func commandAfterDash(c *cobra.Command, args []string) error {
	n := c.ArgsLenAtDash()
	if n < 0 {
		n = len(args)
	}
	if n > 0 {
		return fmt.Errorf("%q is no flag: put the command after --", args[0])
	}
	return nil
}

// notEmpty refuses a flag whose value is empty, which is most likely a variable of the
// shell's that was not set.
func notEmpty(c *cobra.Command) error {
	for _, name := range []string{"kernel", "initrd", "console", "cpu", "memory", "exits"} {
		if f := c.Flag(name); f.Changed && f.Value.String() == "" {
			return &usageError{c.CommandPath(), fmt.Errorf("--%s: its value is empty", name)}
		}
	}
	return nil
}

func (f *runFlags) options(args []string) (err error) {
	bad := func(err error) error { return &usageError{"terem run", err} }
	o := &f.o
	o.Command, o.Timeout, o.Exits = args, f.timeout, f.exits
	o.Stdin, o.Stdout, o.Stderr = os.Stdin, os.Stdout, os.Stderr
	if o.Memory, err = parseSize(f.memory); err != nil {
		return bad(fmt.Errorf("--memory %s: %w", f.memory, err))
	}
	for _, d := range f.disks {
		spec, err := disk.ParseSpec(d)
		if err != nil {
			return err
		}
		o.Disks = append(o.Disks, spec)
	}
	if err := f.sizes(); err != nil {
		return bad(err)
	}
	if f.timeout < 0 {
		return bad(fmt.Errorf("--timeout %v: time does not run backwards", f.timeout))
	}
	if f.exits != "" && f.exits != "table" && f.exits != "json" {
		return bad(fmt.Errorf("--exits=%s: either table or json", f.exits))
	}
	if o.Payload, err = parsePayload(f.payload); err != nil {
		return bad(err)
	}
	if o.Kernel == "" {
		o.CacheDir, err = cacheDir()
	}
	return err
}

// sizes parses the flags that may be left out.
func (f *runFlags) sizes() error {
	if f.rng != "" {
		rate, err := parseSize(f.rng)
		if err != nil || rate == 0 {
			return fmt.Errorf("--rng=%s: want a number of bytes a second, such as 1M", f.rng)
		}
		f.o.RNG = &rng.Config{Rate: min(rate, rng.MaxRate)}
	}
	if f.balloon != "" {
		target, err := parseSize(f.balloon)
		if err != nil {
			return fmt.Errorf("--balloon=%s: %w", f.balloon, err)
		}
		f.o.Balloon = &machine.Balloon{Target: target}
	}
	return nil
}

func parsePayload(s string) (boot.Payload, error) {
	switch s {
	case "auto":
		return boot.PayloadAuto, nil
	case "compressed":
		return boot.PayloadCompressed, nil
	case "decompressed":
		return boot.PayloadDecompressed, nil
	}
	return 0, fmt.Errorf("--payload %s: one of auto, compressed, decompressed", s)
}
