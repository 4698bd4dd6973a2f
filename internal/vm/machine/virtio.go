package machine

import (
	"errors"
	"fmt"

	"terem/boot"
	"terem/devices"
	"terem/devices/virtio"
	"terem/internal/fault"
	"terem/kvm"
	"terem/memory"
)

// virtioBus is the machine's virtio devices, each behind one page of registers.
//
//	guest reads a register       from the page, a read-only memory slot: no exit
//	guest writes QueueNotify     ioeventfd: the queue's bell rings, no exit
//	guest writes 1 to ...ACK     ioeventfd that nobody reads: no exit
//	guest writes anything else   an MMIO exit, MMIO.Write
//	device interrupts            irqfd
type virtioBus struct {
	pages  *memory.Guest // the pages of registers; nil: no device
	mapped bool          // the guest reads the pages itself
	slots  []*virtioSlot
}

// virtioSlot is one device and how it is wired.
type virtioSlot struct {
	mmio  *virtio.MMIO
	at    boot.MMIODevice
	bells []*kvm.Event
	acks  *kvm.Event // takes acknowledgements; nil where they are exits
	parts []part     // the device, and then the transport
}

// The pages follow each other in the host as in the guest, which sees them in one memory slot.
var _ [virtio.RegisterSize]byte = [memory.VirtioMMIOStride]byte{}

// maxVirtio is how many devices have an interrupt line of their own.
func maxVirtio() int {
	n := 0
	for {
		if _, ok := memory.VirtioGSI(n); !ok {
			return n
		}
		n++
	}
}

// newVirtioBus makes the pages for n devices.
func newVirtioBus(sys *kvm.System, n int) (*virtioBus, error) {
	b := &virtioBus{}
	if n == 0 {
		return b, nil
	}
	if most := maxVirtio(); n > most {
		return nil, &fault.Error{Class: fault.Usage, Thing: fmt.Sprintf("%d virtio devices", n),
			Cause: fmt.Sprintf("a machine has interrupt lines for %d", most), Mend: "leave some out"}
	}
	readOnly, err := sys.Check(kvm.CapReadOnlyMem)
	if err != nil {
		return nil, err
	}
	b.mapped = readOnly != 0
	b.pages, err = memory.New(uint64(n) * virtio.RegisterSize)
	return b, err
}

// mapInto gives the guest the pages to read, before the interrupt chips are made.
func (b *virtioBus) mapInto(vm *kvm.VM, slot uint32) error {
	if b.pages == nil || !b.mapped {
		return nil
	}
	return vm.Map(slot, uint64(memory.VirtioMMIO), b.pages.Regions()[0].Host, kvm.MapReadOnly)
}

// attach wires a device, which is the bus's to close from then on, also after an error.
func attach[D interface {
	virtio.Device
	device[S]
}, S any](m *Machine, name string, d D) error {
	b := m.virtio
	i := len(b.slots)
	gsi, _ := memory.VirtioGSI(i) // there is one: newVirtioBus has counted
	s := &virtioSlot{at: boot.MMIODevice{Addr: memory.VirtioMMIOAddr(i), GSI: gsi}}
	err := s.wire(m, b, i, d)
	if s.mmio == nil {
		return errors.Join(err, d.Close(), s.Close())
	}
	b.slots = append(b.slots, s)
	if err != nil {
		return err
	}
	s.parts = []part{partOf(name, d), partWith(name+" transport", s.mmio.Save, s.mmio.Restore)}
	return m.board.mem.Attach(devices.Range{Base: uint64(s.at.Addr), Size: virtio.RegisterSize}, name, s.mmio)
}

func (s *virtioSlot) wire(m *Machine, b *virtioBus, i int, d virtio.Device) error {
	irq, err := m.board.line(m.vm, s.at.GSI)
	if err != nil {
		return err
	}
	page, err := b.pages.Slice(memory.Addr(i)*virtio.RegisterSize, virtio.RegisterSize)
	if err != nil {
		return err
	}
	c := virtio.MMIOConfig{Memory: m.ram, IRQ: irq, Page: page}
	for q := range d.Info().QueueSizes {
		e, err := s.event(m.vm, virtio.NotifyOffset, uint64(q))
		if err != nil {
			return err
		}
		s.bells = append(s.bells, e)
		c.Bells = append(c.Bells, e)
	}
	if b.mapped {
		if s.acks, err = s.event(m.vm, virtio.AckOffset, 1); err != nil {
			return err
		}
	}
	s.mmio, err = virtio.NewMMIO(d, c)
	return err
}

// event takes the guest's writes of value to a register.
func (s *virtioSlot) event(vm *kvm.VM, off, value uint64) (*kvm.Event, error) {
	e, err := kvm.NewEvent()
	if err != nil {
		return nil, err
	}
	match := kvm.IOMatch{Addr: uint64(s.at.Addr) + off, Len: 4, Data: &value}
	if err := vm.IOEventFD(match, e); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// Close closes the device, and then what it was wired to. KVM keeps its own hold on the
// events until the VM is gone.
func (s *virtioSlot) Close() error {
	var errs []error
	if s.mmio != nil {
		errs = append(errs, s.mmio.Close())
	}
	for _, e := range append(s.bells, s.acks) {
		if e != nil {
			errs = append(errs, e.Close())
		}
	}
	return errors.Join(errs...)
}

// pause has all devices stop where they are, and resume go on: see [virtio.MMIO.Pause].
func (b *virtioBus) pause() {
	for _, s := range b.slots {
		s.mmio.Pause()
	}
}

func (b *virtioBus) resume() {
	for _, s := range b.slots {
		s.mmio.Resume()
	}
}

// closeDevices stops the devices: from then on none of them touches RAM or a line.
func (b *virtioBus) closeDevices() error {
	var errs []error
	for _, s := range b.slots {
		errs = append(errs, s.Close())
	}
	b.slots = nil
	return errors.Join(errs...)
}

// freePages unmaps the registers, once the VM is closed.
func (b *virtioBus) freePages() error {
	if b.pages == nil {
		return nil
	}
	return b.pages.Close()
}

// list names the devices for the ACPI tables.
func (b *virtioBus) list() []boot.MMIODevice {
	var l []boot.MMIODevice
	for _, s := range b.slots {
		l = append(l, s.at)
	}
	return l
}

// words names the devices on the command line, for a kernel without ACPI (Linux,
// drivers/virtio/virtio_mmio.c).
func (b *virtioBus) words() string {
	var words string
	for _, s := range b.slots {
		words = join(words, fmt.Sprintf("virtio_mmio.device=4K@%#x:%d", uint64(s.at.Addr), s.at.GSI))
	}
	return words
}
