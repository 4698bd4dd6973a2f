// Package tiny writes guests of a few bytes for measurements: they start, mark a
// moment on the serial port, and reset the machine.
//
// ELF is entered by the PVH protocol (xen, docs/misc/pvh.pandoc): 32-bit protected
// mode, flat segments, paging off. ROM takes the place of a PC's firmware and
// starts at the reset vector, in real mode.
package tiny
