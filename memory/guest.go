package memory

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Addr is a guest-physical address.
type Addr uint64

// String formats a as hexadecimal, as in "0x9fc00".
func (a Addr) String() string { return fmt.Sprintf("%#x", uint64(a)) }

// PageSize is the smallest unit in which RAM is given to a guest, in bytes.
const PageSize = 4096

// hugePage is what one entry of a page directory maps, for the host and for KVM.
const hugePage = 2 << 20

// MaxSize is the most RAM that New accepts, in bytes: 64 TiB, half of the address space that a
// process has on x86-64.
const MaxSize = 1 << 46

// Region is one run of guest RAM without a hole: Host[i] is the byte at Addr+i.
type Region struct {
	Addr Addr
	Host []byte
}

// Size is the region's length in bytes.
func (r Region) Size() uint64 { return uint64(len(r.Host)) }

// End is the first address after the region.
func (r Region) End() Addr { return r.Addr + Addr(len(r.Host)) }

// Guest is the RAM of one virtual machine. Its methods may be called from any goroutine, except
// that Close must come after all other use.
type Guest struct {
	regions  []Region
	mappings [][]byte   // as mapped: a region with its guard pages
	blank    bool       // a page that nobody has touched reads as zeros
	files    []*os.File // or as one of these has it: layers, the lowest first
	pieces   []Piece    // which one does
}

// RangeError reports an access of N bytes at Addr that does not lie within one region of RAM.
type RangeError struct {
	Addr Addr
	N    uint64
}

func (e *RangeError) Error() string {
	return fmt.Sprintf("guest address %v, %d bytes: outside guest RAM", e.Addr, e.N)
}

// ErrSize is wrapped by New's error for a size that no guest can have.
var ErrSize = errors.New("bad guest memory size")

// New maps size bytes of zeroed guest RAM, a positive multiple of PageSize. What does not fit
// below the PCI hole appears from 4 GiB on. The host gives pages as the guest touches them.
func New(size uint64) (*Guest, error) {
	if size == 0 || size%PageSize != 0 || size > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes: want a multiple of %d from %d to %d",
			ErrSize, size, PageSize, PageSize, uint64(MaxSize))
	}
	g := &Guest{blank: true}
	low := min(size, uint64(PCIHole))
	if err := g.mapRegion(0, low); err != nil {
		return nil, err
	}
	if high := size - low; high > 0 {
		if err := g.mapRegion(HighRAM, high); err != nil {
			return nil, errors.Join(err, g.Close())
		}
	}
	return g, nil
}

// NewFromRegions makes a Guest of memory that the caller owns: a test's slices, or a file's
// mapping. Regions are given in ascending order, not empty and without overlap. Close does not
// unmap them.
func NewFromRegions(regions ...Region) (*Guest, error) {
	var end Addr
	for i, r := range regions {
		if len(r.Host) == 0 || r.Addr < end || r.End() < r.Addr {
			return nil, fmt.Errorf("region %d at %v, %d bytes: empty, overlapping or out of order",
				i, r.Addr, len(r.Host))
		}
		end = r.End()
	}
	return &Guest{regions: append([]Region(nil), regions...)}, nil
}

// mapRegion adds size bytes of RAM at a, which read as zeros. MAP_NORESERVE, because a guest may be promised more than the host
// has free; what counts is what it touches.
func (g *Guest) mapRegion(a Addr, size uint64) error {
	m, host, err := reserve(a, size)
	if err != nil {
		return err
	}
	if err := unix.Mprotect(host, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		err = fmt.Errorf("open %d bytes of guest RAM at %v: %w", size, a, err)
		return errors.Join(err, unix.Munmap(m))
	}
	g.add(a, m, host)
	return nil
}

func (g *Guest) add(a Addr, mapping, host []byte) {
	g.mappings = append(g.mappings, mapping)
	g.regions = append(g.regions, Region{Addr: a, Host: host})
}

// reserve finds a place in the host's address space for size bytes of RAM at a: host, the part of an inaccessible mapping
// that is at least a page from either end of it.
//
// Host and guest addresses are equal modulo hugePage: only then can KVM map a huge page of the host
// as one (arch/x86/kvm/x86.c, kvm_alloc_memslot_metadata). On VT-x under a kernel that gives huge pages
// to whoever has room for them, the default guest's boot takes 1,150 exits then, in place of 3,770.
func reserve(a Addr, size uint64) (mapping, host []byte, err error) {
	guard, slack := os.Getpagesize(), 0
	if size >= hugePage {
		slack = hugePage
	}
	m, err := unix.Mmap(-1, 0, int(size)+2*guard+slack, unix.PROT_NONE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, nil, fmt.Errorf("map %d bytes of guest RAM at %v: %w", size, a, err)
	}
	start := guard
	if slack > 0 {
		start += offsetIn(hugePage, uint64(a)-hostAddr(m[guard:]))
	}
	end := start + int(size)
	return m, m[start:end:end], nil
}

// offsetIn is the distance of address n from the last boundary of unit, a power of two.
func offsetIn(unit, n uint64) int { return int(n & (unit - 1)) }

// Close unmaps the RAM. Slices handed out before must not be used any more: touching one faults.
func (g *Guest) Close() error {
	var errs []error
	for _, m := range g.mappings {
		if err := unix.Munmap(m); err != nil {
			errs = append(errs, fmt.Errorf("unmap guest RAM: %w", err))
		}
	}
	for _, f := range g.files {
		errs = append(errs, f.Close())
	}
	g.regions, g.mappings, g.files, g.pieces = nil, nil, nil, nil
	return errors.Join(errs...)
}

// Regions lists the RAM in ascending order of address. The caller must not change the list.
func (g *Guest) Regions() []Region { return g.regions }

// Size is the amount of RAM in bytes, holes not counted.
func (g *Guest) Size() uint64 {
	var n uint64
	for _, r := range g.regions {
		n += r.Size()
	}
	return n
}

// LowEnd is the end of the region at address zero: the top of RAM below the PCI hole.
func (g *Guest) LowEnd() Addr {
	if len(g.regions) == 0 || g.regions[0].Addr != 0 {
		return 0
	}
	return g.regions[0].End()
}

// Contains reports whether the n bytes at a lie within one region.
func (g *Guest) Contains(a Addr, n uint64) bool {
	_, err := g.Slice(a, n)
	return err == nil
}

// Slice is the n bytes of RAM at a, as the guest sees them; writing to it writes to the guest. The
// range never crosses from one region into another. An empty range is valid where one byte would
// be and at a region's end, and gives an empty slice.
func (g *Guest) Slice(a Addr, n uint64) ([]byte, error) {
	for i := range g.regions {
		r := &g.regions[i]
		size := uint64(len(r.Host))
		if a < r.Addr || uint64(a-r.Addr) > size {
			continue
		}
		off := uint64(a - r.Addr)
		if n > size-off {
			continue
		}
		return r.Host[off : off+n : off+n], nil
	}
	return nil, &RangeError{Addr: a, N: n}
}
