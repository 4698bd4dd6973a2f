package memory

import "unsafe"

// pageNumber is the number of the page of the host's address space at which b begins.
func pageNumber(b []byte) uint64 {
	// SAFETY: the address is only looked at, and b is a mapping.
	return uint64(uintptr(unsafe.Pointer(&b[0]))) / PageSize
}
