package virtiotest

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"terem/devices/virtio"
	"terem/memory"
)

// Options of a guest. The zero value is a good guest.
type Options struct {
	RAM       int         // bytes, rounded up to pages; 0: 64 MiB. The host gives pages when they are touched
	Base      memory.Addr // where RAM begins; 0: 1 MiB
	QueueSize uint16      // entries of each queue, at most; 0: as many as the device allows
	Page      bool        // the guest reads the registers in memory, as from a read-only slot of KVM's
	Bells     []virtio.Bell
	IRQ       *IRQ
}

const (
	defaultRAM  = 64 << 20
	defaultBase = 1 << 20
)

// Guest is RAM, the transport of one device, and its driver. Methods of one queue are for one
// goroutine; different queues and registers may be used at the same time.
type Guest struct {
	MMIO   *virtio.MMIO
	Memory *memory.Guest
	RAM    []byte      // all of it; RAM[0] is at Base
	Base   memory.Addr // the first address of RAM
	IRQ    *IRQ
	Bells  []virtio.Bell
	Page   []byte // the page of registers, with Options.Page

	// Features are those that Init negotiated.
	Features uint64

	t       testing.TB
	size    uint16
	queues  []*Queue
	mapping []byte
	closed  bool

	mu   sync.Mutex
	next uint64                   // the first byte of RAM that was never given out
	free map[uint64][]memory.Addr // by size, a power of two
}

// New makes a guest with the device d, which it closes at the end of the test.
func New(t testing.TB, d virtio.Device, o Options) *Guest {
	t.Helper()
	g := &Guest{t: t, IRQ: o.IRQ, Bells: o.Bells, size: o.QueueSize, Base: o.Base, free: map[uint64][]memory.Addr{}}
	if g.Base == 0 {
		g.Base = defaultBase
	}
	if g.IRQ == nil {
		g.IRQ = NewIRQ()
	}
	if o.Page {
		g.Page = make([]byte, virtio.RegisterSize)
	}
	for len(g.Bells) < len(d.Info().QueueSizes) {
		g.Bells = append(g.Bells, NewBell())
	}
	g.mapRAM(o.RAM)
	var err error
	if g.Memory, err = memory.NewFromRegions(memory.Region{Addr: g.Base, Host: g.RAM}); err != nil {
		t.Fatal(err)
	}
	g.MMIO, err = virtio.NewMMIO(d, virtio.MMIOConfig{Memory: g.Memory, IRQ: g.IRQ, Bells: g.Bells, Page: g.Page})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

// mapRAM maps n bytes between two inaccessible pages.
func (g *Guest) mapRAM(n int) {
	g.t.Helper()
	if n == 0 {
		n = defaultRAM
	}
	n = (n + memory.PageSize - 1) &^ (memory.PageSize - 1)
	m, err := unix.Mmap(-1, 0, n+2*memory.PageSize, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		g.t.Fatal(err)
	}
	g.mapping = m
	g.RAM = m[memory.PageSize : memory.PageSize+n : memory.PageSize+n]
	if err := unix.Mprotect(g.RAM, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		g.t.Fatal(err)
	}
}

// Close closes the transport, and with it the device, and unmaps RAM. The test's end does it too.
func (g *Guest) Close() {
	if g.closed {
		return
	}
	g.closed = true
	if err := g.MMIO.Close(); err != nil {
		g.t.Errorf("close the device: %v", err)
	}
	if err := unix.Munmap(g.mapping); err != nil {
		g.t.Errorf("unmap RAM: %v", err)
	}
}

// Alloc gives n bytes of RAM at an address that is a multiple of 16, and of n's next power of two
// if that is less than a page.
func (g *Guest) Alloc(n int) memory.Addr {
	g.t.Helper()
	size := class(n)
	g.mu.Lock()
	defer g.mu.Unlock()
	if l := g.free[size]; len(l) > 0 {
		g.free[size] = l[:len(l)-1]
		return l[len(l)-1]
	}
	align := min(size, memory.PageSize)
	at := (g.next + align - 1) &^ (align - 1)
	if at > uint64(len(g.RAM)) || size > uint64(len(g.RAM))-at {
		g.t.Fatalf("the guest has no %d bytes left of %d", n, len(g.RAM))
	}
	g.next = at + size
	return g.Base + memory.Addr(at)
}

// Free takes back what Alloc gave for n bytes.
func (g *Guest) Free(a memory.Addr, n int) {
	size := class(n)
	g.mu.Lock()
	g.free[size] = append(g.free[size], a)
	g.mu.Unlock()
}

// Recycle makes all RAM free again, for a guest that has reset its device and starts afresh.
func (g *Guest) Recycle() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.next = 0
	clear(g.free)
	clear(g.RAM)
}

// class is the size that n bytes are rounded up to.
func class(n int) uint64 {
	return 1 << max(4, bits.Len(uint(max(n, 1)-1)))
}

// Bytes is the n bytes of RAM at a; the test fails if they are not in RAM.
func (g *Guest) Bytes(a memory.Addr, n int) []byte {
	b, err := g.Memory.Slice(a, uint64(n))
	if err != nil {
		g.t.Helper() // not before: it is slow
		g.t.Fatal(err)
	}
	return b
}

// Read32 reads a register.
func (g *Guest) Read32(off uint64) uint32 {
	if g.Page != nil {
		return loadPage(g.Page, off)
	}
	var p [4]byte
	g.MMIO.Read(off, p[:])
	return binary.LittleEndian.Uint32(p[:])
}

// Write32 writes a register.
func (g *Guest) Write32(off uint64, v uint32) {
	var p [4]byte
	binary.LittleEndian.PutUint32(p[:], v)
	g.MMIO.Write(off, p[:])
}

// Config reads n bytes of configuration space from off on.
func (g *Guest) Config(off, n int) []byte {
	p := make([]byte, n)
	g.MMIO.Read(RegConfig+uint64(off), p)
	return p
}

// WriteConfig writes p to configuration space.
func (g *Guest) WriteConfig(off int, p []byte) { g.MMIO.Write(RegConfig+uint64(off), p) }
