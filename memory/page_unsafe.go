package memory

import "unsafe"

// pageOffset is how far b begins from the start of a page of the host.
func pageOffset(b []byte) int { return offsetIn(PageSize, hostAddr(b)) }

// hostAddr is the address in the host's address space at which b begins.
func hostAddr(b []byte) uint64 {
	// SAFETY: the address is only looked at. It cannot change, because b is a mapping, not an object
	// that the runtime moves; and if it did, the answer would be wrong but nothing be touched by it.
	return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b))))
}
