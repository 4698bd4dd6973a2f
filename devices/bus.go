package devices

import (
	"fmt"
	"slices"
)

// Range is a span of addresses: ports on the port bus, guest-physical addresses
// on the MMIO bus.
type Range struct {
	Base uint64
	Size uint64 // in bytes; never 0 on a bus
}

// String gives the range as [first, last], the way /proc/ioports writes it.
func (r Range) String() string {
	return fmt.Sprintf("%#x-%#x", r.Base, r.last())
}

// last is the highest address of the range. It is kept in preference to the end,
// which does not fit in 64 bits for a range at the top of the address space.
func (r Range) last() uint64 { return r.Base + r.Size - 1 }

// Bus maps addresses to devices. The zero Bus is empty and ready for use.
//
// A bus has two lives. While a machine is put together, one goroutine calls
// Attach. From the first vCPU's start on, nobody does, and any number of
// goroutines call the other methods, which only read: there is no lock, no cache
// to invalidate, and no shared cache line that an access writes to.
//
// # Accesses that cross a boundary
//
// A guest may read four bytes where a device has two left. The bus does as an ISA
// bridge does and splits such an access: each device is given the bytes that lie
// in its range, in order of address, and the bytes that nobody claims read as all
// ones and are dropped when written.
type Bus struct {
	slots []slot // sorted by first; disjoint
}

// slot is one attached device.
type slot struct {
	first, last uint64 // inclusive
	dev         Device
	name        string
}

// Attach gives the range r to d. The name is what [Bus.Name] and errors say; it
// need not be unique. A range that is empty, that passes the end of the address
// space or that overlaps an attached one is refused, and the bus is unchanged.
func (b *Bus) Attach(r Range, name string, d Device) error {
	if r.Size == 0 {
		return fmt.Errorf("attach %s at %#x: the range is empty", name, r.Base)
	}
	if r.Size-1 > ^uint64(0)-r.Base {
		return fmt.Errorf("attach %s at %#x: %#x bytes pass the end of the address space", name, r.Base, r.Size)
	}
	if d == nil {
		return fmt.Errorf("attach %s at %s: there is no device", name, r)
	}
	i := b.search(r.Base)
	if i < len(b.slots) && b.slots[i].first <= r.last() {
		return fmt.Errorf("attach %s at %s: overlaps %s at %s", name, r, b.slots[i].name, b.slots[i].span())
	}
	b.slots = slices.Insert(b.slots, i, slot{first: r.Base, last: r.last(), dev: d, name: name})
	return nil
}

// Read reads len(p) bytes at addr. It reports whether any device claimed any of
// them; bytes that none claimed are 0xff.
func (b *Bus) Read(addr uint64, p []byte) bool {
	if s := b.whole(addr, len(p)); s != nil {
		s.dev.Read(addr-s.first, p)
		return true
	}
	Fill(p)
	return b.split(addr, p, Device.Read)
}

// Write writes p at addr. It reports whether any device claimed any byte; bytes
// that none claimed are dropped.
func (b *Bus) Write(addr uint64, p []byte) bool {
	if s := b.whole(addr, len(p)); s != nil {
		s.dev.Write(addr-s.first, p)
		return true
	}
	return b.split(addr, p, Device.Write)
}

// Name is the name of the device at addr, or "" where there is none.
func (b *Bus) Name(addr uint64) string {
	if s := b.whole(addr, 1); s != nil {
		return s.name
	}
	return ""
}

// Ranges lists what is attached, in order of address.
func (b *Bus) Ranges() []Range {
	rs := make([]Range, len(b.slots))
	for i, s := range b.slots {
		rs[i] = s.span()
	}
	return rs
}

func (s *slot) span() Range { return Range{Base: s.first, Size: s.last - s.first + 1} }

// search finds the first slot that ends at or after addr: the slot of addr if it
// has one, otherwise the next one above it.
//
// It is written out because slices.BinarySearchFunc costs an indirect call per
// step. There is no cache of the last hit: the search takes some 10 ns of an exit
// that takes microseconds (BenchmarkBus), and such a cache is one more word that
// vCPUs write to in turns.
func (b *Bus) search(addr uint64) int {
	lo, hi := 0, len(b.slots)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if b.slots[mid].last < addr {
			lo = mid + 1
			continue
		}
		hi = mid
	}
	return lo
}

// whole returns the slot that holds all n > 0 bytes at addr, or nil.
func (b *Bus) whole(addr uint64, n int) *slot {
	i := b.search(addr)
	if i == len(b.slots) || n == 0 {
		return nil
	}
	s := &b.slots[i]
	if addr < s.first || uint64(n-1) > s.last-addr {
		return nil
	}
	return s
}

// split serves an access that no single slot holds: it visits each slot that
// [addr, addr+len(p)) touches with the bytes that lie in it. An access that would
// pass the end of the address space stops there.
func (b *Bus) split(addr uint64, p []byte, access func(Device, uint64, []byte)) (claimed bool) {
	if len(p) == 0 {
		return false
	}
	end := addr + uint64(len(p)-1)
	if end < addr {
		end = ^uint64(0)
	}
	for i := b.search(addr); i < len(b.slots) && b.slots[i].first <= end; i++ {
		s := &b.slots[i]
		from, to := max(addr, s.first), min(end, s.last)
		access(s.dev, from-s.first, p[from-addr:to-addr+1])
		claimed = true
	}
	return claimed
}
