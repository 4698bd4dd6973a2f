package machine

import (
	"errors"

	"terem/kvm"
)

// line is an interrupt line of the VM, driven by an eventfd.
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
