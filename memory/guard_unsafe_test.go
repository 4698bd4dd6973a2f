package memory

import "unsafe"

// touchGuard writes one byte just outside b.
func touchGuard(b []byte, before bool) {
	off := len(b)
	if before {
		off = -1
	}
	// SAFETY: none, on purpose: the write must fault. Only a child process of a test runs it.
	*(*byte)(unsafe.Add(unsafe.Pointer(&b[0]), off)) = 1
}
