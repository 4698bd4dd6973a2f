package memory

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pageRange is struct page_region of linux/fs.h.
type pageRange struct{ Start, End, Categories uint64 }

// pmScan is struct pm_scan_arg of linux/fs.h.
type pmScan struct {
	Size, Flags      uint64
	Start, End       uint64
	WalkEnd          uint64 // where the kernel stopped, for want of room
	Vec, VecLen      uint64
	MaxPages         uint64
	Inverted         uint64 // categories that are to be absent
	Mask, AnyOf, Ask uint64
}

const (
	pagemapScan      = 0xc0606610 // PAGEMAP_SCAN: _IOWR('f', 16, struct pm_scan_arg)
	categoryFile     = 1 << 2     // PAGE_IS_FILE
	categoryPresent  = 1 << 3     // PAGE_IS_PRESENT
	categorySwapped  = 1 << 4     // PAGE_IS_SWAPPED
	pageRangesAtOnce = 512
)

// scanPages asks for ranges of pages between two addresses of this process that are in memory or swapped out and not a file's
// (Documentation/admin-guide/mm/pagemap.rst). next is up to where they are all.
func scanPages(pagemap *os.File, start, end uint64) (found []pageRange, next uint64, err error) {
	vec := make([]pageRange, pageRangesAtOnce)
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&vec[0])
	// SAFETY: the kernel writes no more than VecLen elements to vec, which is pinned until after the call, and Size bytes
	// to a, whose pointer is converted in the call's expression.
	a := &pmScan{
		Start: start, End: end, Vec: uint64(uintptr(unsafe.Pointer(&vec[0]))), VecLen: pageRangesAtOnce,
		Inverted: categoryFile, Mask: categoryFile, AnyOf: categoryPresent | categorySwapped, Ask: categoryFile,
	}
	a.Size = uint64(unsafe.Sizeof(*a))
	n, _, errno := unix.Syscall(unix.SYS_IOCTL, pagemap.Fd(), pagemapScan, uintptr(unsafe.Pointer(a)))
	if errno != 0 {
		return nil, 0, os.NewSyscallError("ioctl", errno)
	}
	return vec[:n], a.WalkEnd, nil
}
