package machine

import (
	"errors"
	"sync"

	"terem/kvm"
)

// line is an edge-triggered interrupt line of the VM, driven by an eventfd.
type line struct {
	vm    *kvm.VM
	gsi   uint32
	event *kvm.Event
}

// newLine wires an eventfd to the interrupt line gsi.
func newLine(vm *kvm.VM, gsi uint32) (*line, error) {
	e, err := kvm.NewEvent()
	if err != nil {
		return nil, err
	}
	if err := vm.IRQFD(gsi, e); err != nil {
		e.Close()
		return nil, err
	}
	return &line{vm, gsi, e}, nil
}

// Trigger is a rising edge. A write to an eventfd of ours cannot fail while it is open.
// What comes after Close, from somebody who types on a machine that is just closed, goes
// nowhere.
func (l *line) Trigger() { _ = l.event.Signal() }

func (l *line) Close() error {
	return errors.Join(l.vm.RemoveIRQFD(l.gsi, l.event), l.event.Close())
}

// level is a level-triggered interrupt line of the VM. It is set by an ioctl, which costs
// about what a write to an eventfd costs, and nothing at the start.
type level struct {
	gsi uint32

	mu sync.Mutex
	vm *kvm.VM // nil: closed
}

// Set makes the line high or low. With the interrupt chips in the kernel that cannot fail.
func (l *level) Set(high bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.vm != nil {
		_ = l.vm.IRQLine(l.gsi, high)
	}
}

// Close cuts the line: what comes later goes nowhere.
func (l *level) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.vm = nil
	return nil
}
