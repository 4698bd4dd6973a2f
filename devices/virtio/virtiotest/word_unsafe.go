package virtiotest

import (
	"sync/atomic"
	"unsafe"
)

// word is the aligned 32-bit word that holds b[off].
func word(b []byte, off uint64) *uint32 {
	w := b[off&^3:][:4]
	// SAFETY: four bytes within b, aligned because b begins at a page of a mapping or is a page of
	// registers, which package virtio checks.
	return (*uint32)(unsafe.Pointer(&w[0]))
}

func loadPage(page []byte, off uint64) uint32 { return atomic.LoadUint32(word(page, off)) }

// load16 reads a 16-bit field that the device writes.
func load16(b []byte, off uint64) uint16 {
	return uint16(atomic.LoadUint32(word(b, off)) >> (off & 2 * 8))
}

// store16 writes a 16-bit field that the device reads, and is a full barrier. Only the driver
// writes the word's other half.
func store16(b []byte, off uint64, v uint16) {
	w, shift := word(b, off), off&2*8
	old := atomic.LoadUint32(w)
	atomic.StoreUint32(w, old&^(0xffff<<shift)|uint32(v)<<shift)
}
