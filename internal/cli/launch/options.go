package launch

import (
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"terem/boot"
	"terem/devices/virtio/rng"
	"terem/guest"
	"terem/guest/cmdline"
	"terem/internal/cli/tty"
	"terem/internal/fault"
	"terem/internal/network"
	"terem/internal/vm/disk"
	"terem/internal/vm/disk/qcow2"
	"terem/internal/vm/machine"
	"terem/internal/vm/share"
	"terem/internal/vm/vsock"
)

// Options are what the user asked `terem run` for.
type Options struct {
	Kernel, Initrd string // paths; empty means the default guest's
	Append         string // added to the kernel command line
	Memory         uint64 // bytes
	CPUs           int
	CPU            string // machine.ParseCPU
	Console        string // "stdio", "none", or a file to write to; "": stdio, but for a command whose streams go another way
	Timeout        time.Duration
	Name           string   // under which others find it; "": one is drawn
	Warm           string   // begin from a snapshot of a guest that has booted: WarmReady, WarmProgram; "": boot
	SnapshotAt     Moment   // take a snapshot on the way
	Detached       *os.File // not nil: in the background; gets the machine's name and is closed when the guest runs
	Exits          string   // "", "table" or "json"
	Payload        boot.Payload
	Protocol       boot.Protocol
	NoAssist       bool
	NoParams       bool
	Quiet, Verbose bool
	Disks          []disk.Spec
	RNG            *rng.Config
	Balloon        *machine.Balloon
	Vsock          *vsock.Spec
	Network        network.Spec
	NetDump        string // a file for the frames of the network card; "": none
	Shares         []share.Spec
	ShareServer    func() (share.Program, error) // how a process that serves one is started
	Root           string                        // the guest's root file system: "", "none", or a device of its own
	Command        []string
	Decoders       Decoders
	Watchers       []Watcher
	Outputs        []Output      // that they write
	Version        func() string // of this program, for a snapshot; nil: nobody knows
	tryRoot        string        // the disk that becomes the root if there is a program on it

	Stdin, Stdout, Stderr *os.File
	CacheDir              string
}

// Decoders unpack what a kernel or a disk may have packed. A program that is to start at once has none of them: see NeedsTools.
type Decoders struct {
	Kernel boot.Unpacker
	Disk   qcow2.NewDecoder
}

// NeedsTools says whether a run failed, before the guest began, where a program that has decoders, watchers and the doctor can do or say
// more.
func NeedsTools(err error) bool {
	var no *machine.NoKVM
	return errors.Is(err, boot.ErrNoUnpacker) || errors.Is(err, disk.ErrNoDecoder) || errors.Is(err, errOpensOnce) || errors.Is(err, ErrNoWatchers) || errors.As(err, &no)
}

// errOpensOnce is the error of a console that cannot be opened, closed, and opened again by another program.
var errOpensOnce = errors.New("the program that opens it must be the one that boots")

// stdio says whether the console is the user's standard input and output.
func (o *Options) stdio() bool { return o.Console == "" || o.Console == "stdio" }

// images are the opened kernel and initrd.
type images struct {
	kernel machine.File
	initrd *machine.File
	own    bool       // the default guest's kernel
	files  []*os.File // in the order kernel, initrd
}

// uses are the images as files that are read.
func (i *images) uses() []fileUse {
	fields := [...]string{"Kernel", "Initrd"}
	var uses []fileUse
	for n, f := range i.files {
		uses = append(uses, fileUse{field: fields[n], name: f.Name(), is: disk.Identify(f)})
	}
	return uses
}

func (i *images) Close() {
	for _, f := range i.files {
		f.Close() // opened for reading: nothing to lose
	}
}

// openImages opens what was named, and the default guest's files for the rest. A
// kernel that was named gets no initrd unless one is named too: the default one
// would not fit a stranger.
func openImages(o *Options) (_ *images, err error) {
	im := &images{own: o.Kernel == ""}
	defer func() {
		if err != nil {
			im.Close()
		}
	}()
	kernel, initrd := o.Kernel, o.Initrd
	if im.own {
		a, err := guest.Find(o.CacheDir)
		if err != nil {
			return nil, &fault.Error{Class: fault.Host, Thing: "default guest", Err: err}
		}
		kernel = a.VMLinux
		if initrd == "" {
			initrd = a.Initrd
		}
	}
	if im.kernel, err = im.open("Kernel", kernel); err != nil {
		return nil, err
	}
	if initrd != "" {
		f, err := im.open("Initrd", initrd)
		if err != nil {
			return nil, err
		}
		if err := checkInitrd(&f, im.own); err != nil {
			return nil, err
		}
		im.initrd = &f
	}
	return im, nil
}

// open opens an image, field of the options.
func (i *images) open(field, path string) (machine.File, error) {
	bad := func(err error, cause string) error {
		return &fault.Error{Class: fault.Usage, Thing: strings.ToLower(field) + " " + path, Cause: cause, Err: err,
			Mend: "name a readable file with " + fault.Field(field)}
	}
	st, err := os.Stat(path)
	if err != nil {
		return machine.File{}, bad(fault.Reason(err), "")
	}
	if !st.Mode().IsRegular() {
		return machine.File{}, bad(nil, "not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return machine.File{}, bad(fault.Reason(err), "")
	}
	i.files = append(i.files, f)
	return machine.File{Name: path, R: io.ReaderAt(f), Size: st.Size()}, nil
}

// terminalType is the user's TERM, if it is one that a terminal may have.
func terminalType() string {
	term := os.Getenv("TERM")
	for _, c := range []byte(term) {
		if c <= ' ' || c >= 0x7f || c == '"' {
			return ""
		}
	}
	return term
}

// kernelLine composes the kernel command line. The user's words come last: the
// kernel lets a later word win.
func kernelLine(o *Options, own, pipe bool, way way) (string, error) {
	words := []string{"console=ttyS0", "reboot=k", "panic=-1"}
	if own {
		words = append(words, cmdline.Kernel(o.CPUs), cmdline.GenerationWord())
		cols, rows := tty.Size(o.Stdout)
		g := cmdline.Options{Argv: o.Command, Pipe: pipe && !way.streams && !way.idle, Idle: way.idle, Agent: way.agent, Streams: way.streams, Rows: rows, Cols: cols, Term: terminalType()}
		if o.networked() {
			g.Net = o.Network.Guest()
		}
		for _, s := range o.Shares {
			g.Shares = append(g.Shares, cmdline.Share{Path: s.Path, ReadOnly: s.ReadOnly})
		}
		switch {
		case way.idle:
			g.Argv = nil
		case !cmdline.Short(o.Command):
			g.Argv, g.Handed = nil, true
		}
		if pipe {
			g.Rows, g.Cols, g.Term = 0, 0, ""
		}
		more, err := g.Words()
		if err != nil {
			return "", &fault.Error{Class: fault.Usage, Thing: "command " + strings.Join(o.Command, " "), Err: err}
		}
		words = append(words, more...)
	} else if len(o.Command) > 0 {
		return "", &fault.Error{Class: fault.Usage, Thing: "command " + o.Command[0],
			Cause: "only the default guest's init takes one", Mend: "use " + fault.Field("Append") + " for a kernel of your own"}
	}
	switch {
	case o.tryRoot != "":
		words = append(words, "terem.root="+o.tryRoot)
	case o.Root != "" && o.Root != rootNone:
		words = append(words, "root="+o.Root)
	}
	if o.Append != "" {
		words = append(words, o.Append)
	}
	return strings.Join(words, " "), nil
}
