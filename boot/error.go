package boot

import (
	"fmt"

	"terem/internal/fault"
	"terem/memory"
)

// The mends that several errors share.
const mendTruncated = "copy or build the file again"

func mendKernel() string {
	return "name a Linux/x86-64 bzImage or vmlinux with " + fault.Field("Kernel")
}

// kernelThing names an image in errors.
func kernelThing(name string) string {
	if name == "" {
		return "kernel"
	}
	return "kernel " + name
}

// notKernel is the error for an image that is whole but not one that can be booted.
func notKernel(thing, format string, args ...any) *fault.Error {
	return &fault.Error{Class: fault.Usage, Thing: thing, Cause: fmt.Sprintf(format, args...), Mend: mendKernel()}
}

// truncated is the error for an image that ends too early or contradicts itself.
func truncated(thing string, err error, format string, args ...any) *fault.Error {
	return &fault.Error{Class: fault.Usage, Thing: thing, Cause: fmt.Sprintf(format, args...), Mend: mendTruncated, Err: err}
}

// noRoom is the error for what does not fit into guest RAM. It would fit into need bytes, on top of
// which a kernel needs some to work with; 0: not known.
func noRoom(m *memory.Guest, thing string, need uint64, format string, args ...any) *fault.Error {
	const working, unit = 1 << 20, 4 << 20
	cause := fmt.Sprintf(format, args...) + fmt.Sprintf(", and the guest has %s of memory", sizeString(m.Size()))
	mend := "give the guest more memory with " + fault.Field("Memory")
	if need > 0 {
		mend += fmt.Sprintf(": %dM at least", alignUp(need+working, unit)>>20)
	}
	return &fault.Error{Class: fault.Usage, Thing: thing, Cause: cause, Mend: mend}
}

// sizeString writes a number of bytes the way people do, rounded up to the unit.
func sizeString(n uint64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", (n-1)>>30+1)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", (n-1)>>20+1)
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", (n-1)>>10+1)
	}
	return fmt.Sprintf("%d bytes", n)
}
