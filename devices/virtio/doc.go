// Package virtio is the device's side of virtio 1.2: split virtqueues and the MMIO transport.
//
// The specification is "Virtual I/O Device (VIRTIO) Version 1.2" of OASIS; its section numbers are
// cited. Only modern devices are here (Version 2 of virtio-mmio), and only split rings.
package virtio
