package i8042

import (
	"sync"

	"terem/devices"
)

// Status, port 0x64. IBF (bit 1) and the parity error (bit 7) are never set.
//
//	bit  6         5         4          3             2       0
//	     time-out  aux data  no keylock last was cmd  system  output full
const (
	statusFull    = 1 << 0
	statusSystem  = 1 << 2
	statusCommand = 1 << 3
	statusUnlock  = 1 << 4
	statusTimeout = 1 << 6
)

// Configuration byte, RAM byte 0.
//
//	bit  6          5        4        2       1        0
//	     translate  aux off  kbd off  system  aux IRQ  kbd IRQ
const (
	configSystem = 1 << 2
	configKbdOff = 1 << 4
	configAuxOff = 1 << 5
)

// Output port: bit 0 is the reset line, active low; bit 1 is gate A20.
const (
	outputReset = 1 << 0
	outputA20   = 1 << 1
)

// Commands; see the package's table.
const (
	cmdReadRAM     = 0x20 // to 0x3f
	cmdWriteRAM    = 0x60 // to 0x7f
	cmdAuxOff      = 0xa7
	cmdAuxOn       = 0xa8
	cmdAuxTest     = 0xa9
	cmdSelfTest    = 0xaa
	cmdKbdTest     = 0xab
	cmdKbdOff      = 0xad
	cmdKbdOn       = 0xae
	cmdReadInput   = 0xc0
	cmdReadOutput  = 0xd0
	cmdWriteOutput = 0xd1
	cmdPutKbd      = 0xd2
	cmdPutAux      = 0xd3
	cmdToAux       = 0xd4
	cmdA20Off      = 0xdd
	cmdA20On       = 0xdf
	cmdTestInputs  = 0xe0
	cmdPulse       = 0xf0 // to 0xff
)

// Answers.
const (
	selfTestOK = 0x55
	auxStuck   = 0x01 // clock line stuck low
	kbdOK      = 0x00
	kbdResend  = 0xfe // what the controller says for a keyboard that does not
)

// inputUnlocked is the input port's keyboard lock switch, not locked.
const inputUnlocked = 1 << 7

const ramSize = 32

// State is all that a guest can change in a controller.
type State struct {
	RAM     [ramSize]byte // byte 0 is the configuration
	Output  byte          // output port
	Status  byte
	Buffer  byte // output buffer
	Command byte // waits for its byte at port 0x60; 0 for none
}

// Controller is an 8042. Its methods may be called from any goroutine.
type Controller struct {
	reset func()

	mu sync.Mutex
	s  State
}

// New returns a controller as firmware leaves it: tested, A20 on, both ports off.
// reset is called, on the vCPU's goroutine, each time that the guest pulls the
// reset line.
func New(reset func()) *Controller {
	c := &Controller{reset: reset}
	c.s.RAM[0] = configSystem | configKbdOff | configAuxOff
	c.s.Output = outputReset | outputA20
	c.s.Status = statusSystem | statusUnlock
	return c
}

// Data is the device for port 0x60.
func (c *Controller) Data() devices.Device { return data{c} }

// Port is the device for port 0x64.
func (c *Controller) Port() devices.Device { return port{c} }

// Save returns a copy of the state.
func (c *Controller) Save() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.s
}

// Restore replaces the state by s.
func (c *Controller) Restore(s State) {
	s.RAM[0] &= 0x7f
	s.Status &= statusFull | statusSystem | statusCommand | statusUnlock | statusTimeout
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s = s
}

// data is port 0x60.
type data struct{ c *Controller }

func (d data) Read(_ uint64, p []byte) {
	d.c.mu.Lock()
	defer d.c.mu.Unlock()
	for i := range p {
		p[i] = d.c.s.Buffer
	}
	d.c.s.Status &^= statusFull | statusTimeout
}

func (d data) Write(_ uint64, p []byte) {
	for _, v := range p {
		d.c.mu.Lock()
		reset := d.c.argument(v)
		d.c.mu.Unlock()
		if reset {
			d.c.reset()
		}
	}
}

// port is port 0x64.
type port struct{ c *Controller }

func (d port) Read(_ uint64, p []byte) {
	d.c.mu.Lock()
	defer d.c.mu.Unlock()
	for i := range p {
		p[i] = d.c.s.Status
	}
}

func (d port) Write(_ uint64, p []byte) {
	for _, v := range p {
		d.c.mu.Lock()
		reset := d.c.command(v)
		d.c.mu.Unlock()
		if reset {
			d.c.reset()
		}
	}
}
