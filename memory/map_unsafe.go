package memory

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapOver puts a private mapping of a file, from off on, in the place of b.
func mapOver(b []byte, fd int, off int64) error {
	// SAFETY: b is a whole part of a mapping that reserve has just made and nobody else knows; the new mapping has its size, and
	// goes with it when it is unmapped.
	_, err := unix.MmapPtr(fd, off, unsafe.Pointer(unsafe.SliceData(b)), uintptr(len(b)), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_NORESERVE|unix.MAP_FIXED)
	return err
}
