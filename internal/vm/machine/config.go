package machine

import (
	"context"
	"fmt"
	"io"
	"syscall"
	"time"

	"terem/boot"
	"terem/devices/virtio/blk"
	"terem/devices/virtio/fs"
	"terem/devices/virtio/net"
	"terem/devices/virtio/rng"
	"terem/devices/virtio/vsock"
	"terem/internal/fault"
	"terem/memory"
	"terem/vcpu"
)

// Config describes a machine.
type Config struct {
	Kernel  File   // bzImage or ELF
	Initrd  *File  // nil: none
	CmdLine string // kernel command line
	// SoftParams is put before CmdLine where KVM interprets guest kernel code.
	SoftParams string
	Boot       boot.Options
	Memory     uint64 // bytes of RAM, a multiple of 4 KiB
	CPUs       int
	CPU        CPUModel
	// Out is where the guest's serial output goes; nil: nowhere. A vCPU cannot be paused while a Write
	// waits, so one that may wait must be an Output, and must have been called off before Close.
	Out        io.Writer
	ACPI       bool  // ACPI tables besides the MP table
	Init       bool  // the default guest's own init takes the input: on the console (Machine.Feed), or as Asker says
	Asker      Asker // asks processes of the guest to end, if that is not to go over the console; nil: it is
	NoAssist   bool  // do not finish instructions for KVM
	CountExits bool  // keep an exit ledger for each vCPU
	// Trace gives who is told of each exit of a vCPU, at times since Since; nil: nobody is.
	Trace func(cpu int) vcpu.Tracer
	Debug bool      // there is a debugger (Machine.Debugger), and the guest waits for it
	Since time.Time // when the run began, for Report.Phases; zero: when New is called

	// Disks are the virtio disks, vda first. Queues is set by the machine. The backends are the
	// machine's to close from New on, also if New fails.
	Disks   []blk.Config
	Shares  []fs.Config   // shared directories; likewise
	RNG     *rng.Config   // a source of random numbers; nil: none
	Balloon *Balloon      // takes memory back from the guest; nil: none
	Vsock   *vsock.Config // sockets between guest and host; nil: none
	Net     *net.Config   // a network card, whose backend is the machine's to close as those of disks are; nil: none
}

// Asker asks the processes of the default guest to end.
type Asker interface {
	Listening() bool // the guest's init has begun to listen, and listens still
	Ended() bool     // the command has, and init cleans up
	Ask(ctx context.Context, sig syscall.Signal)
}

// Balloon is what a guest may be asked to give back. Pages that it does not use it
// gives back without being asked.
type Balloon struct {
	Target uint64 // bytes that it is to give back from the start
}

// virtioDevices is how many virtio devices there are to be.
func (c *Config) virtioDevices() int {
	n := len(c.Disks) + len(c.Shares)
	if c.RNG != nil {
		n++
	}
	if c.Balloon != nil {
		n++
	}
	if c.Vsock != nil {
		n++
	}
	if c.Net != nil {
		n++
	}
	return n
}

// File is an open image.
type File struct {
	Name string
	R    io.ReaderAt
	Size int64 // bytes
}

// MinMemory is the least RAM that a machine may have, in bytes.
const MinMemory = 2 << 20

// validate checks what needs no host.
func (c *Config) validate() error {
	if c.Memory < MinMemory {
		return &fault.Error{Class: fault.Usage, Thing: fault.Field("Memory") + " " + Bytes(c.Memory),
			Cause: "a machine needs at least " + Bytes(MinMemory), Mend: "try " + fault.Field("Memory") + " 128M"}
	}
	if rest := c.Memory % memory.PageSize; rest != 0 {
		return &fault.Error{Class: fault.Usage, Thing: fmt.Sprintf("%s %d", fault.Field("Memory"), c.Memory),
			Cause: "not a multiple of 4 KiB", Mend: fmt.Sprintf("try %s %d", fault.Field("Memory"), c.Memory-rest)}
	}
	if c.CPUs < 1 {
		return &fault.Error{Class: fault.Usage, Thing: fmt.Sprintf("%s %d", fault.Field("CPUs"), c.CPUs),
			Cause: "a machine needs at least one", Mend: "try " + fault.Field("CPUs") + " 1"}
	}
	if c.CPUs > maxCPUs {
		return &fault.Error{Class: fault.Usage, Thing: fmt.Sprintf("%s %d", fault.Field("CPUs"), c.CPUs),
			Cause: fmt.Sprintf("a machine has at most %d", maxCPUs), Mend: "ask for fewer"}
	}
	return c.validateBalloon()
}

// balloonLeaves is the least that a balloon leaves to a guest, in bytes: a kernel and a
// few programs live on it.
const balloonLeaves = 32 << 20

// mostBalloon is how much a balloon may take, in bytes.
func (c *Config) mostBalloon() uint64 { return c.Memory - min(c.Memory, balloonLeaves) }

func (c *Config) validateBalloon() error {
	if c.Balloon == nil || c.Balloon.Target == 0 {
		return nil
	}
	most := c.mostBalloon()
	if c.Balloon.Target <= most {
		return nil
	}
	return &fault.Error{Class: fault.Usage, Thing: fault.Field("Balloon") + " " + Bytes(c.Balloon.Target),
		Cause: fmt.Sprintf("of %s it must leave the guest %s", Bytes(c.Memory), Bytes(balloonLeaves)),
		Mend:  fmt.Sprintf("ask for %s at the most, or for more %s", Bytes(most), fault.Field("Memory"))}
}

// Bytes formats a size with a binary unit: "128 MiB".
func Bytes(n uint64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	f, i := float64(n), 0
	for f >= 1024 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	if f == float64(uint64(f)) {
		return fmt.Sprintf("%d %s", uint64(f), units[i])
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}
