package launch

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"time"

	"terem/guest/cmdline"
	"terem/internal/fault"
	"terem/internal/vm/generation"
	"terem/internal/vm/machine"
	"terem/internal/vm/snapshot"
	"terem/internal/vm/vsock"
	"terem/memory"
)

// RestoreOptions are what the user asked `terem restore` for.
type RestoreOptions struct {
	Dir                   string
	Name                  string // as in Options
	Detached              *os.File
	Console               string
	Command               []string // instead of that for which the snapshot stands ready
	Timeout               time.Duration
	Exits                 string
	Quiet, Verbose        bool
	Decoders              Decoders
	Version               func() string
	Stdin, Stdout, Stderr *os.File
}

// errChanged is the error of a file that is not what it was.
var errChanged = errors.New("it is not the file that it was when the snapshot was taken")

// Restore has a machine go on from a snapshot, waits for its end and returns terem's exit status, as Run does.
func Restore(ro *RestoreOptions) (status int, err error) {
	since := time.Now()
	sn, err := snapshot.Open(ro.Dir)
	if err != nil {
		return 0, err
	}
	defer sn.Close()
	r, state, err := decode(sn)
	if err != nil {
		return 0, notOurs(ro.Dir, err)
	}
	cpu, err := machine.ParseCPU(r.CPU)
	if err != nil {
		return 0, notOurs(ro.Dir, errors.New("its CPU model is none"))
	}
	o, err := r.options()
	if err != nil {
		return 0, err
	}
	o.Name, o.Detached, o.Console, o.Timeout, o.Exits = ro.Name, ro.Detached, ro.Console, ro.Timeout, ro.Exits
	o.Quiet, o.Verbose, o.Decoders, o.Version = ro.Quiet, ro.Verbose, ro.Decoders, ro.Version
	o.Stdin, o.Stdout, o.Stderr = ro.Stdin, ro.Stdout, ro.Stderr
	if err := ro.choose(r, &o); err != nil {
		return 0, err
	}
	s := newSession(&o, since)
	s.from = sn
	s.pipe = s.pipe || r.At == WarmProgram && !r.TTY
	s.warmth.from = o.Warm
	s.make = func(c machine.Config) (*machine.Machine, error) {
		ram, err := sn.Guest()
		if err != nil {
			return nil, &fault.Error{Class: fault.Host, Thing: "memory of " + ro.Dir, Err: err}
		}
		m, err := restoreOn(c, state, ram, s.here.Name())
		var told *fault.Error
		if err != nil && !errors.As(err, &told) {
			err = notOurs(ro.Dir, err)
		}
		return m, err
	}
	return s.restore(r, cpu, ro.Dir)
}

// choose says what is to run in the machine. One that stands at a moment goes on with its command, or with another one; in the background one without a
// command is for those who enter it.
func (ro *RestoreOptions) choose(r *request, o *Options) error {
	if len(ro.Command) > 0 && r.At != WarmReady {
		return &fault.Error{Class: fault.Usage, Thing: "snapshot " + ro.Dir, Cause: "its programs run already", Mend: "leave out the command; `terem exec` starts more"}
	}
	if len(ro.Command) > 0 {
		o.Command = ro.Command
	}
	if r.At == WarmReady && len(o.Command) == 0 && ro.Detached != nil {
		return nil
	}
	if o.Warm = r.At; o.Warm != "" && !o.stdio() {
		return &fault.Error{Class: fault.Usage, Thing: fault.Field("Console"), Cause: "the command's streams do not go over the console", Mend: "leave it out"}
	}
	return nil
}

// decode reads what terem itself has put into a snapshot.
func decode(sn *snapshot.Snapshot) (*request, *machine.State, error) {
	r, state := new(request), new(machine.State)
	if err := strictly(sn.Request, r); err != nil {
		return nil, nil, err
	}
	return r, state, strictly(sn.Machine, state)
}

// restoreOn builds the machine, and has its guest know that it is another one: last, so that no time passes that it is not told of. The
// RAM is the machine's to close.
func restoreOn(c machine.Config, state *machine.State, ram *memory.Guest, name string) (*machine.Machine, error) {
	m, err := machine.Restore(c, state, ram)
	if err != nil || !strings.Contains(c.CmdLine, cmdline.GenerationWord()) {
		return m, err
	}
	if err := tell(ram, state.Taken, name); err != nil {
		_ = m.Close() // what came before says more
		return nil, err
	}
	return m, nil
}

// tell writes for the guest how long it was away, and what makes it different from all others of its snapshot.
func tell(ram *memory.Guest, since time.Time, name string) error {
	at, err := ram.Slice(memory.Generation, generation.Size)
	if err != nil {
		return err
	}
	if generation.CheckName(name) != nil {
		name = ""
	}
	p, err := generation.New(time.Since(since), name)
	if err == nil {
		p.Put(at)
	}
	return err
}

// notOurs is the error of a snapshot that is whole and makes no sense.
func notOurs(dir string, err error) error {
	return &fault.Error{Class: fault.Usage, Thing: "snapshot " + dir, Err: err, Mend: "take it again"}
}

func strictly(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

func (s *session) restore(r *request, cpu machine.CPUModel, dir string) (status int, err error) {
	err = s.claim()
	defer func() { err = errors.Join(err, s.here.Vanish()) }()
	if err != nil {
		return 0, err
	}
	if s.console, err = openConsole(s.o); err != nil {
		return 0, err
	}
	defer func() { s.console.end(s.begun) }()
	if err := checkSnapshot(s.o, s.from.Dirs(), s.console); err != nil {
		return 0, err
	}
	if s.net, err = s.connectNetwork(); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.net.close()) }()
	disks, err := s.openDisks()
	if err != nil {
		return 0, err
	}
	s.verb = "restored"
	c := machine.Config{
		Kernel: machine.File{Name: "as in " + dir}, CmdLine: r.CmdLine, Memory: r.Memory, CPUs: r.CPUs, CPU: cpu, RNG: r.RNG, Balloon: r.Balloon, Init: r.Init, ACPI: r.ACPI,
		NoAssist: r.NoAssist, CountExits: s.o.Exits != "", Since: s.since, Disks: disks, Net: s.net.config(),
	}
	if r.CID != 0 {
		c.Vsock = vsock.Plain()
		c.Vsock.CID = r.CID
		s.answers(&c, way{agent: r.Agent, streams: r.Streams})
	}
	run := s.run
	if s.o.Warm != "" {
		if c.Vsock == nil {
			return 0, notOurs(dir, errors.New("its guest has no sockets"))
		}
		run = s.runInside
	}
	return s.carryOut(c, run)
}
