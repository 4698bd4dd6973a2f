package devices_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"terem/devices"
)

// call is one access as a device saw it.
type call struct {
	write bool
	off   uint64
	data  string
}

// ram answers reads with a fill byte and keeps a list of what it was asked.
type ram struct {
	fill  byte
	calls []call
}

func (r *ram) Read(off uint64, p []byte) {
	for i := range p {
		p[i] = r.fill + byte(off) + byte(i)
	}
	r.calls = append(r.calls, call{off: off, data: string(p)})
}

func (r *ram) Write(off uint64, p []byte) {
	r.calls = append(r.calls, call{write: true, off: off, data: string(p)})
}

// null is a device without state, for races, allocations and benchmarks.
type null struct{}

func (null) Read(_ uint64, p []byte) { clear(p) }
func (null) Write(uint64, []byte)    {}

func attach(t testing.TB, b *devices.Bus, base, size uint64, name string, d devices.Device) {
	t.Helper()
	if err := b.Attach(devices.Range{Base: base, Size: size}, name, d); err != nil {
		t.Fatal(err)
	}
}

func TestAttachRefuses(t *testing.T) {
	const top = ^uint64(0)
	tests := []struct {
		name string
		r    devices.Range
		want string // part of the error, "" for none
	}{
		{"empty", devices.Range{Base: 0x10}, "empty"},
		{"wraps", devices.Range{Base: top, Size: 2}, "end of the address space"},
		{"wraps by far", devices.Range{Base: 2, Size: top}, "end of the address space"},
		{"same", devices.Range{Base: 0x100, Size: 8}, "overlaps old at 0x100-0x107"},
		{"first byte", devices.Range{Base: 0x107, Size: 1}, "overlaps old"},
		{"last byte", devices.Range{Base: 0xff, Size: 2}, "overlaps old"},
		{"around", devices.Range{Base: 0, Size: 0x1000}, "overlaps old"},
		{"within", devices.Range{Base: 0x102, Size: 2}, "overlaps old"},
		{"everything", devices.Range{Base: 0, Size: top}, "overlaps old"},
		{"just below", devices.Range{Base: 0xf8, Size: 8}, ""},
		{"just above", devices.Range{Base: 0x108, Size: 8}, ""},
		{"last address", devices.Range{Base: top, Size: 1}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b devices.Bus
			attach(t, &b, 0x100, 8, "old", null{})
			err := b.Attach(tt.r, "new", null{})
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if got := b.Name(tt.r.Base); got != "new" {
					t.Fatalf("Name = %q, want new", got)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want one with %q", err, tt.want)
			}
			if n := len(b.Ranges()); n != 1 {
				t.Fatalf("%d ranges after a refusal, want 1", n)
			}
		})
	}
}

func TestAttachRefusesNil(t *testing.T) {
	var b devices.Bus
	if err := b.Attach(devices.Range{Base: 1, Size: 1}, "none", nil); err == nil {
		t.Fatal("a nil device was attached")
	}
}

func TestRangesAreSorted(t *testing.T) {
	var b devices.Bus
	want := []devices.Range{{0x20, 2}, {0x40, 4}, {0x60, 1}, {0x64, 1}, {0x3f8, 8}}
	for _, i := range []int{3, 0, 4, 1, 2} {
		attach(t, &b, want[i].Base, want[i].Size, "d", null{})
	}
	if got := b.Ranges(); !slices.Equal(got, want) {
		t.Fatalf("Ranges = %v, want %v", got, want)
	}
}

// Layout of the table below: a at 10-13, b at 14-15, a hole, c at 18-1b.
func TestAccess(t *testing.T) {
	tests := []struct {
		name    string
		addr    uint64
		n       int
		claimed bool
		want    string
		a, b, c []call
	}{
		{"nobody", 0x20, 4, false, "\xff\xff\xff\xff", nil, nil, nil},
		{"hole", 0x16, 2, false, "\xff\xff", nil, nil, nil},
		{"nothing", 0x10, 0, false, "", nil, nil, nil},
		{"inside", 0x12, 2, true, "\xa2\xa3", []call{{off: 2, data: "\xa2\xa3"}}, nil, nil},
		{"whole", 0x10, 4, true, "\xa0\xa1\xa2\xa3", []call{{off: 0, data: "\xa0\xa1\xa2\xa3"}}, nil, nil},
		{"into the neighbour", 0x13, 2, true, "\xa3\xb0", []call{{off: 3, data: "\xa3"}}, []call{{data: "\xb0"}}, nil},
		{"into a hole", 0x15, 2, true, "\xb1\xff", nil, []call{{off: 1, data: "\xb1"}}, nil},
		{"from a hole", 0x17, 2, true, "\xff\xc0", nil, nil, []call{{data: "\xc0"}}},
		{
			"across all", 0x12, 8, true, "\xa2\xa3\xb0\xb1\xff\xff\xc0\xc1",
			[]call{{off: 2, data: "\xa2\xa3"}}, []call{{data: "\xb0\xb1"}}, []call{{data: "\xc0\xc1"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var bus devices.Bus
			a, b, c := &ram{fill: 0xa0}, &ram{fill: 0xb0}, &ram{fill: 0xc0}
			attach(t, &bus, 0x10, 4, "a", a)
			attach(t, &bus, 0x14, 2, "b", b)
			attach(t, &bus, 0x18, 4, "c", c)
			p := make([]byte, tt.n)
			if got := bus.Read(tt.addr, p); got != tt.claimed {
				t.Errorf("Read claimed %v, want %v", got, tt.claimed)
			}
			if string(p) != tt.want {
				t.Errorf("Read gave %x, want %x", p, tt.want)
			}
			// What was read is written back: the same bytes must reach the same devices.
			if got := bus.Write(tt.addr, p); got != tt.claimed {
				t.Errorf("Write claimed %v, want %v", got, tt.claimed)
			}
			for i, w := range [][]call{tt.a, tt.b, tt.c} {
				checkCalls(t, []*ram{a, b, c}[i], w)
			}
		})
	}
}

// checkCalls wants each of reads, then the same again as writes.
func checkCalls(t *testing.T, r *ram, reads []call) {
	t.Helper()
	var want []call
	want = append(want, reads...)
	for _, c := range reads {
		c.write = true
		want = append(want, c)
	}
	if !slices.Equal(r.calls, want) {
		t.Errorf("device %x saw %v, want %v", r.fill, r.calls, want)
	}
}

func TestTopOfAddressSpace(t *testing.T) {
	const top = ^uint64(0)
	var b devices.Bus
	low, high := &ram{fill: 0x10}, &ram{fill: 0x20}
	attach(t, &b, 0, 2, "low", low)
	attach(t, &b, top, 1, "high", high)
	p := make([]byte, 4)
	if !b.Read(top, p) || !bytes.Equal(p, []byte{0x20, 0xff, 0xff, 0xff}) {
		t.Fatalf("Read at the last address gave %x", p)
	}
	if !b.Write(top-1, p) || len(low.calls) != 0 {
		t.Fatalf("an access wrapped around to address 0: %v", low.calls)
	}
}

func TestConcurrentAccess(t *testing.T) {
	var b devices.Bus
	for i := range uint64(16) {
		attach(t, &b, i*16, 8, fmt.Sprint(i), null{})
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			p := make([]byte, 4)
			for a := range uint64(1000) {
				b.Read(a%256, p)
				b.Write(a%256, p)
				_ = b.Name(a % 256)
			}
		})
	}
	wg.Wait()
}

func TestAccessDoesNotAllocate(t *testing.T) {
	var b devices.Bus
	attach(t, &b, 0x3f8, 8, "serial", null{})
	attach(t, &b, 0x400, 8, "next", null{})
	p := make([]byte, 4)
	for _, addr := range []uint64{0x3f8, 0x3ff, 0x3fe, 0x80} {
		n := testing.AllocsPerRun(100, func() {
			b.Read(addr, p)
			b.Write(addr, p)
			_ = b.Name(addr)
		})
		if n != 0 {
			t.Errorf("%v allocations at %#x, want 0", n, addr)
		}
	}
}

func BenchmarkBus(b *testing.B) {
	for _, n := range []int{1, 16, 64} {
		var bus devices.Bus
		for i := range n {
			attach(b, &bus, uint64(i)*0x10, 8, "d", null{})
		}
		p := make([]byte, 1)
		b.Run(fmt.Sprintf("devices=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				bus.Write(uint64(i%n)*0x10, p)
			}
		})
	}
	b.Run("split", func(b *testing.B) {
		var bus devices.Bus
		attach(b, &bus, 0, 1, "a", null{})
		attach(b, &bus, 1, 1, "b", null{})
		p := make([]byte, 2)
		b.ReportAllocs()
		for b.Loop() {
			bus.Write(0, p)
		}
	})
}
