package command

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"terem/boot"
	"terem/devices/virtio/rng"
	"terem/internal/cli/launch"
	"terem/internal/network"
	"terem/internal/vm/disk"
	"terem/internal/vm/machine"
	"terem/internal/vm/vsock"
)

// Run is `terem run`: its flags as typed, and what they ask for.
type Run struct {
	o       launch.Options
	memory  string
	payload string
	exits   string
	disks   []string
	rng     string
	balloon string
	vsock   string
	net     string
	ports   []string
	netDump string
	shares  []string
	timeout time.Duration
	detach  bool
	moment  string
	watch   Watch

	// NewWatchers makes what Watch asks for. A program that is to start at once has none.
	NewWatchers func(Watch) ([]launch.Watcher, error)
}

// Watch is how a machine is to be watched, as typed.
type Watch struct {
	GDB       string   // the address at which gdb is awaited; "": nowhere
	Trace     string   // the file for a trace of exits; "": none
	TraceOnly []string // the exits that are in it; none: all
	Profile   string   // the file for a profile; "": none
	Own       bool     // the default guest's kernel runs
	Quiet     bool
}

func (w *Watch) none() bool { return w.GDB == "" && w.Trace == "" && w.Profile == "" }

// outputs are the files that it writes.
func (w *Watch) outputs() (list []launch.Output) {
	for _, o := range []launch.Output{{Field: "Trace", Path: w.Trace}, {Field: "Profile", Path: w.Profile}} {
		if o.Path != "" {
			list = append(list, o)
		}
	}
	return list
}

// Define puts the flags into fs.
func (f *Run) Define(fs *pflag.FlagSet) {
	o := &f.o
	fs.SortFlags = false
	fs.SetInterspersed(false) // what follows the command is the command's
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
	fs.StringVar(&f.vsock, "vsock", "", "a `socket` by which programs of this host reach the guest's vsock ports, and its options (above)")
	fs.StringVar(&f.net, "net", "", "a network card, and what it is connected with: none, user, or tap=NAME, and its options (`network`, above)")
	fs.StringArrayVarP(&f.ports, "publish", "p", nil, "a `port` of this host's that is one of the guest's: [ADDRESS:]HOST:GUEST[/udp], 8080:80 (--net user)")
	fs.StringVar(&f.netDump, "net-dump", "", "write the frames of the network card to a `file`, for tcpdump and Wireshark")
	fs.StringArrayVar(&f.shares, "share", nil, "`DIR:PATH[:ro]`: show a directory of the host's in the guest")
	fs.StringVar(&o.CPU, "cpu", "host", "CPU `model`: host, and features to take away: host,-avx512f (on VT-x and AMD-V)")
	fs.StringVar(&o.Console, "console", "stdio", "where the console goes: stdio, none, or a `file`")
	fs.StringVar(&o.Name, "name", "", "the `name` for `terem exec`, `stop` and the like (default: one is drawn; see `terem ps`)")
	fs.BoolVarP(&f.detach, "detach", "D", false, "run in the background, with the console in a file (`terem logs`); print the name")
	fs.StringVar(&o.Warm, "warm", "", "begin where a guest like it has booted already, at this `moment`: ready (if none is given), or program")
	fs.Lookup("warm").NoOptDefVal = launch.WarmReady
	fs.StringVar(&f.moment, "snapshot-at", "", "take a snapshot on the way, at this `moment=dir`: ready=DIR, before the command, or program=DIR, at its first instruction")
	fs.DurationVar(&f.timeout, "timeout", 0, "end the guest after this `time`: 30s, 5m; 0 is never")
	fs.StringVar(&f.exits, "exits", "", "print the exit ledger at the end, in this `form`: table (if none is given) or json")
	fs.Lookup("exits").NoOptDefVal = "table"
	fs.StringVar(&f.watch.GDB, "gdb", "", "wait for gdb before the first instruction, at this `address`: :1234 on loopback, 10.0.0.1:1234, or unix:PATH")
	fs.StringVar(&f.watch.Trace, "trace", "", "write every exit of the guest to a `file` at the end, the last million if there are more (`terem trace`)")
	fs.StringSliceVar(&f.watch.TraceOnly, "trace-only", nil, "of --trace, only exits for these `reasons`: io, mmio, debug, wrmsr ...")
	fs.StringVar(&f.watch.Profile, "profile", "", "look a thousand times a second where the guest is, and write that to a `file` at the end (`terem profile`)")
	fs.BoolVarP(&o.Quiet, "quiet", "q", false, "say nothing but errors")
	fs.BoolVarP(&o.Verbose, "verbose", "v", false, "say what is booted, and how")
	fs.StringVar(&f.payload, "payload", "auto", "how to enter a bzImage, the `way`: auto, compressed, decompressed")
	fs.BoolVar(&o.NoParams, "no-params", false, "add no kernel parameters for a software KVM backend")
	fs.BoolVar(&o.NoAssist, "no-assist", false, "do not finish instructions that KVM leaves undone")
}

// Execute boots the guest, once fs has parsed a command line, and returns the exit status.
func (f *Run) Execute(fs *pflag.FlagSet, d launch.Decoders) (status int, err error) {
	if err := notEmpty(fs); err != nil {
		return 0, err
	}
	if err := noValue(fs, "rng", "balloon", "exits", "warm"); err != nil {
		return 0, &UsageError{Command: runPath, Err: err}
	}
	if err := f.options(fs.Args()); err != nil {
		return 0, err
	}
	if !fs.Lookup("console").Changed {
		f.o.Console = "" // a guest may have a better way for its command's streams
	}
	f.o.Decoders, f.o.Version = d, Version
	if f.detach {
		if f.o.Detached = detached(); f.o.Detached == nil {
			return detach(os.Args[1:])
		}
	}
	if err := f.watchers(); err != nil {
		return 0, err
	}
	return launch.Run(&f.o)
}

// watchers makes what is to watch the machine.
func (f *Run) watchers() (err error) {
	switch {
	case len(f.watch.TraceOnly) > 0 && f.watch.Trace == "":
		return &UsageError{Command: runPath, Err: errors.New("--trace-only: it goes with --trace")}
	case f.watch.none():
		return nil
	case f.watch.GDB != "" && f.o.Warm != "":
		return &UsageError{Command: runPath, Err: errors.New("--gdb: a warm guest has booted already; leave out --warm")}
	case f.watch.GDB != "" && f.moment != "":
		return &UsageError{Command: runPath, Err: errors.New("--gdb: gdb may stop the guest while the snapshot is taken; leave out --snapshot-at")}
	case f.NewWatchers == nil:
		return launch.ErrNoWatchers
	}
	f.watch.Quiet, f.watch.Own, f.o.Outputs = f.o.Quiet, f.o.Kernel == "", append(f.o.Outputs, f.watch.outputs()...)
	f.o.Watchers, err = f.NewWatchers(f.watch)
	return err
}

func (f *Run) options(args []string) (err error) {
	bad := func(err error) error { return &UsageError{Command: runPath, Err: err} }
	o := &f.o
	o.Command, o.Timeout, o.Exits = args, f.timeout, f.exits
	o.Stdin, o.Stdout, o.Stderr = os.Stdin, os.Stdout, os.Stderr
	if o.Memory, err = ParseSize(f.memory); err != nil {
		return bad(fmt.Errorf("--memory %s: %w", f.memory, err))
	}
	for _, d := range f.disks {
		if strings.HasPrefix(d, "-") {
			return bad(fmt.Errorf("--disk %s: a disk was wanted there; -d is --disk, and --detach is -D", d))
		}
		spec, err := disk.ParseSpec(d)
		if err != nil {
			return err
		}
		o.Disks = append(o.Disks, spec)
	}
	if o.Shares, err = parseShares(f.shares); err != nil {
		return err
	}
	o.ShareServer = shareServer
	if f.vsock != "" {
		spec, err := vsock.ParseSpec(f.vsock)
		if err != nil {
			return err
		}
		o.Vsock = &spec
	}
	if err := f.network(); err != nil {
		return err
	}
	if err := f.sizes(); err != nil {
		return bad(err)
	}
	if f.moment != "" {
		if o.SnapshotAt, err = launch.ParseMoment(f.moment); err != nil {
			return bad(fmt.Errorf("--snapshot-at %s: %w", f.moment, err))
		}
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
		o.CacheDir, err = CacheDir()
	}
	return err
}

// network parses the flags about it.
func (f *Run) network() (err error) {
	o := &f.o
	if o.Network, err = network.Parse(f.net, f.ports); err != nil {
		return err
	}
	switch {
	case o.Network.Kind == network.Host:
		return &UsageError{Command: runPath, Err: errors.New("--net host: a machine has a card of its own; use --net user")}
	case f.netDump == "":
		return nil
	case o.Network.Kind == network.None:
		return &UsageError{Command: runPath, Err: errors.New("--net-dump: there is no network card; use --net user with it")}
	}
	o.NetDump = f.netDump
	o.Outputs = append(o.Outputs, launch.Output{Field: "NetDump", Path: f.netDump})
	return nil
}

// sizes parses the flags that may be left out.
func (f *Run) sizes() error {
	if f.rng != "" {
		rate, err := ParseSize(f.rng)
		if err != nil || rate == 0 {
			return fmt.Errorf("--rng=%s: want a number of bytes a second, such as 1M", f.rng)
		}
		f.o.RNG = &rng.Config{Rate: min(rate, rng.MaxRate)}
	}
	if f.balloon != "" {
		target, err := ParseSize(f.balloon)
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
