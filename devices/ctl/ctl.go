package ctl

import (
	"sync"

	"terem/devices"
)

// Offsets.
const (
	OffExit  = 0
	OffEvent = 1

	// Size is how many ports the device takes on the bus.
	Size = 2
)

// Version is what offset 0 reads as.
const Version = 0x01

// Event is what the guest reports at offset 1.
type Event uint8

const (
	PowerOff  Event = 0x01 // the guest is done and has no status to give
	Panicked  Event = 0x02 // the guest kernel panicked; its console has the reason
	Listening Event = 0x03 // the console takes the host's standard input: 4096 bytes, and each time 2048 more
	Began     Event = 0x04 // the kernel has started init
	Executing Event = 0x05 // init executes the program that the guest is for
)

// String names the event.
func (e Event) String() string {
	switch e {
	case PowerOff:
		return "power off"
	case Panicked:
		return "kernel panic"
	case Listening:
		return "listening"
	case Began:
		return "init began"
	case Executing:
		return "executing"
	}
	return "unknown"
}

// State is all that a guest can change in the device.
type State struct {
	Exited  bool   // the guest has written an exit status
	Status  uint8  // the last one written
	Unknown uint64 // events that have no meaning
}

// Port is the device. Its methods may be called from any goroutine.
type Port struct {
	exit  func(status uint8)
	event func(Event)

	mu sync.Mutex
	s  State
}

// New returns a port that calls exit for each exit status and event for each known
// event, on the vCPU's goroutine. The guest may write either more than once.
func New(exit func(status uint8), event func(Event)) *Port {
	return &Port{exit: exit, event: event}
}

// Read reads registers; see [devices.Device].
func (c *Port) Read(off uint64, p []byte) {
	devices.Fill(p)
	if off == OffExit && len(p) > 0 {
		p[0] = Version
	}
}

// Write writes registers; see [devices.Device].
func (c *Port) Write(off uint64, p []byte) {
	for i, v := range p {
		switch off + uint64(i) {
		case OffExit:
			c.mu.Lock()
			c.s.Exited, c.s.Status = true, v
			c.mu.Unlock()
			c.exit(v)
		case OffEvent:
			c.report(Event(v))
		}
	}
}

// report passes on a known event and counts any other.
func (c *Port) report(e Event) {
	switch e {
	case PowerOff, Panicked, Listening, Began, Executing:
		c.event(e)
		return
	}
	c.mu.Lock()
	c.s.Unknown++
	c.mu.Unlock()
}

// Save returns a copy of the state.
func (c *Port) Save() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.s
}

// Restore replaces the state by s; it calls nothing back.
func (c *Port) Restore(s State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s = s
}
