package virtio

import (
	"sync/atomic"
	"unsafe"
)

// aligned says whether b begins at a host address that is a multiple of n.
func aligned(b []byte, n uintptr) bool {
	// SAFETY: the pointer is only looked at.
	return uintptr(unsafe.Pointer(unsafe.SliceData(b)))%n == 0
}

// wordAt is the 32-bit word at b[off:], for package atomic. It must be aligned.
func wordAt(b []byte, off int) *uint32 {
	w := b[off : off+4]
	// SAFETY: the four bytes are within b; callers have checked the alignment with aligned. What
	// they hold is the guest's choice, and every value is a uint32.
	return (*uint32)(unsafe.Pointer(&w[0]))
}

// half is a 16-bit field that the guest writes, read through the aligned 32-bit word that it is a
// half of, because Go has no 16-bit atomics. The other half may be anything.
type half struct {
	word  *uint32
	shift uint8 // 0 or 16
}

// load reads the field with acquire semantics at least: nothing that follows is read before it.
func (h half) load() uint16 { return uint16(atomic.LoadUint32(h.word) >> h.shift) }

// event is a 16-bit field that the device writes and the guest reads.
type event struct{ p *uint16 }

func eventAt(b []byte) event {
	b = b[:2]
	// SAFETY: as in wordAt, for two bytes.
	return event{(*uint16)(unsafe.Pointer(&b[0]))}
}

// store writes the field and then orders it before every later load, with fence as a word to
// lock the bus on. An aligned store of two bytes is one MOVW, which no reader sees by halves. A
// 32-bit store, atomic or not, would write two bytes behind the ring which are not the device's.
func (e event) store(v uint16, fence *uint32) {
	*e.p = v
	atomic.StoreUint32(fence, 0) // XCHG: a full barrier on amd64
}
