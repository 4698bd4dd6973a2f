// Package devices is the bus between a vCPU and what the guest sees behind its
// ports and memory-mapped registers.
//
// The run loop of a vCPU takes an exit from KVM, an address and a few bytes, and
// hands both to a [Bus]: one bus for port I/O, one for MMIO. The bus finds the
// [Device] that claims the address and calls it with an offset into the device's
// own range, so that no device knows where it is mounted. A device that wants to
// interrupt the guest pulses an [IRQ].
//
// Nothing under devices knows of KVM; every device runs, and is tested, on any
// machine. Each device keeps all that a guest can change in one State struct,
// with Save and Restore, so that a snapshot needs no knowledge of its insides.
//
// Read bus.go first, then package serial for a whole device, then package legacy
// for the smallest ones.
//
// What belongs to the interrupt controllers and timers (8259, 8254, I/O APIC,
// local APIC) is not here: KVM models those in the kernel.
package devices
