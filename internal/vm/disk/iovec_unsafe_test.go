package disk

import "unsafe"

// bytesAt is the memory of an iovec.
func bytesAt(p *byte, n int) []byte {
	// SAFETY: the test gives lengths within what the iovec's maker had.
	return unsafe.Slice(p, n)
}

// alignedBuffer is at a multiple of 4096, as guest RAM is.
func alignedBuffer(n int) []byte {
	b := make([]byte, n+4096)
	// SAFETY: the address is only looked at; large objects do not move.
	skip := -uintptr(unsafe.Pointer(&b[0])) & 4095
	return b[skip:][:n]
}
