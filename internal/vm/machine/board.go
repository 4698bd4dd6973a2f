package machine

import (
	"errors"
	"io"
	"sync/atomic"
	"time"

	"terem/devices"
	"terem/devices/acpipm"
	"terem/devices/ctl"
	"terem/devices/i8042"
	"terem/devices/legacy"
	"terem/devices/pit"
	"terem/devices/rtc"
	"terem/devices/serial"
	"terem/kvm"
	"terem/memory"
)

// A table that tells the guest of a device says how many ports that has, and so does the device.
var (
	_ [serial.Size]byte        = [memory.COM1Ports]byte{}
	_ [rtc.Size]byte           = [memory.RTCPorts]byte{}
	_ [ctl.Size]byte           = [memory.CtlPorts]byte{}
	_ [legacy.PCIHostSize]byte = [memory.PCIHostPorts]byte{}
)

// board is what is soldered on: the buses and the devices.
type board struct {
	ports, mem devices.Bus
	uart       *serial.UART
	pm         *acpipm.Block
	lines      []io.Closer
	parts      []part      // the devices that have a state
	timer      atomic.Bool // KVM has the interval timer, and port 0x61
}

// handlers are what the devices report to the machine.
type handlers struct {
	reset    func()
	powerOff func()
	panicked func()
	listen   func()
	mark     func(ctl.Event) // the guest came to Began or Executing
	exit     func(status uint8)
	failed   func(error) // the host does not have what the guest needs to go on
}

// newBoard wires the devices of a PC, as far as a kernel looks for them.
func newBoard(vm *kvm.VM, c *Config, h handlers) (_ *board, err error) {
	b := &board{}
	defer func() {
		if err != nil {
			b.Close()
		}
	}()
	com1, err := b.line(vm, memory.COM1GSI)
	if err != nil {
		return nil, err
	}
	sci := &level{vm: vm, gsi: memory.SCIGSI}
	b.lines = append(b.lines, sci)
	out := c.Out
	if out == nil {
		out = io.Discard
	}
	b.uart = serial.New(out, com1)
	start := time.Now()
	b.pm = acpipm.New(acpipm.Config{
		Now: func() time.Time { return start.Add(time.Since(start)) },
		SCI: sci, SoftOff: memory.SleepTypeS5, PowerOff: h.powerOff,
	})
	return b, b.attach(vm, c, h)
}

func (b *board) attach(vm *kvm.VM, c *Config, h handlers) error {
	portB := &legacy.PortB{}
	keyboard := i8042.New(h.reset)
	clock := rtc.New(time.Now)
	low := min(c.Memory, uint64(memory.PCIHole))
	clock.SetMemory(low, c.Memory-low)
	control := ctl.New(h.exit, func(e ctl.Event) {
		switch e {
		case ctl.PowerOff:
			h.powerOff()
		case ctl.Panicked:
			h.panicked()
		case ctl.Listening:
			h.listen()
		case ctl.Began, ctl.Executing:
			h.mark(e)
		}
	})
	timer := pit.New(wantPIT(vm, portB, &b.timer, h.failed))
	post, delay, port92, host := &legacy.Delay{}, &legacy.Delay{}, legacy.NewPort92(h.reset), legacy.NewPCIHost(h.reset)
	b.parts = []part{
		partOf("pit", timer), partOf("port b", portB), partOf("i8042", keyboard), partOf("rtc", clock), partOf("post", post),
		partOf("port 92", port92), partOf("delay", delay), partOf("serial", b.uart), partOf("control", control),
		partOf("acpi", b.pm), partOf("pci", host),
	}
	devs := []struct {
		base, size uint64
		name       string
		dev        devices.Device
	}{
		{memory.PITPort, pit.Size, "pit", timer},
		{memory.SystemPortB, 1, "port b", portB},
		{memory.I8042DataPort, 1, "i8042 data", keyboard.Data()},
		{memory.I8042CommandPort, 1, "i8042 command", keyboard.Port()},
		{memory.RTCPort, memory.RTCPorts, "rtc", clock},
		{memory.PostPort, 1, "delay", post},
		{memory.SystemPortA, 1, "port 92", port92},
		{memory.DelayPort, 1, "delay", delay},
		{memory.COM1Port, memory.COM1Ports, "serial", b.uart},
		{memory.CtlPort, memory.CtlPorts, "control", control},
		{memory.PM1EventPort, memory.PM1EventPorts, "acpi", b.pm.Events()},
		{memory.PM1ControlPort, memory.PM1ControlPorts, "acpi", b.pm.Control()},
		{memory.PMTimerPort, memory.PMTimerPorts, "acpi", b.pm.Timer()},
		{memory.PCIHostPort, memory.PCIHostPorts, "pci", host},
	}
	for _, d := range devs {
		if err := b.ports.Attach(devices.Range{Base: d.base, Size: d.size}, d.name, d.dev); err != nil {
			return err
		}
	}
	return nil
}

// line makes an interrupt line that lives as long as the board.
func (b *board) line(vm *kvm.VM, gsi uint32) (*line, error) {
	l, err := newLine(vm, gsi)
	if err == nil {
		b.lines = append(b.lines, l)
	}
	return l, err
}

func (b *board) Close() error {
	var errs []error
	for _, l := range b.lines {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
