package virtio_test

import (
	"bytes"
	"strings"
	"testing"

	"terem/devices/virtio"
	vt "terem/devices/virtio/virtiotest"
	"terem/memory"
)

const (
	next     = vt.DescNext
	write    = vt.DescWrite
	indirect = vt.DescIndirect
)

// desc is vt.Desc, for tables that leave the names of its fields out.
type desc struct {
	Addr  memory.Addr
	Len   uint32
	Flags uint16
	Next  uint16
}

// TestChains lists chains as a driver may lay them, with what the device gets to see: the lengths
// of the buffers to read and to write, or why the device asks for a reset.
func TestChains(t *testing.T) {
	const ram, base, end = 1 << 20, memory.Addr(1 << 20), memory.Addr(2 << 20)
	const buf, table = base + 0x8000, base + 0x9000
	for _, tt := range []struct {
		name        string
		direct      []desc // at 0, with the head at 0
		indirect    []desc // at table
		read, write []int
		because     string
	}{
		{"one", []desc{{buf, 5, 0, 0}}, nil, []int{5}, nil, ""},
		{"three", []desc{{buf, 16, next, 2}, {buf, 1, write, 0}, {buf, 99, next | write, 1}}, nil, []int{16}, []int{99, 1}, ""},
		{"empty buffers", []desc{{buf, 0, next, 1}, {buf, 2, next, 2}, {1 << 60, 0, write, 0}}, nil, []int{2}, nil, ""},
		{"nothing at all", []desc{{buf, 0, 0, 0}}, nil, nil, nil, ""},
		{"unknown flags", []desc{{buf, 2, 0xfff8, 0}}, nil, []int{2}, nil, ""},
		{"all of RAM", []desc{{base, ram, 0, 0}}, nil, []int{ram}, nil, ""},
		{"the same buffer for all", []desc{{buf, 4, next, 1}, {buf, 4, next | write, 2}, {buf, 4, write, 0}}, nil, []int{4}, []int{4, 4}, ""},
		{"the rings as buffers", []desc{{base, 4096, next, 1}, {base, 4096, write, 0}}, nil, []int{4096}, []int{4096}, ""},
		{"full", full(8), nil, []int{1, 1, 1, 1, 1, 1, 1, 1}, nil, ""},
		{"indirect", []desc{{table, 32, indirect, 0}}, []desc{{buf, 3, next, 1}, {buf, 4, write, 0}}, []int{3}, []int{4}, ""},
		{"indirect, said to be writable", []desc{{table, 16, indirect | write, 0}}, []desc{{buf, 3, 0, 0}}, []int{3}, nil, ""},
		{"direct, then indirect", []desc{{buf, 9, next, 1}, {table, 16, indirect, 0}}, []desc{{buf, 3, write, 0}}, []int{9}, []int{3}, ""},
		{"indirect and full", []desc{{table, 128, indirect, 0}}, full(8), []int{1, 1, 1, 1, 1, 1, 1, 1}, nil, ""},
		{"indirect, not all used", []desc{{table, 64, indirect, 0}}, []desc{{buf, 3, 0, 1}}, []int{3}, nil, ""},

		{"loop of one", []desc{{buf, 1, next, 0}}, nil, nil, nil, "a loop"},
		{"loop of two", []desc{{buf, 1, next, 1}, {buf, 1, next, 0}}, nil, nil, nil, "a loop"},
		{"loop of empty ones", []desc{{buf, 0, next, 0}}, nil, nil, nil, "a loop"},
		{"loop in a table", []desc{{table, 16, indirect, 0}}, []desc{{buf, 1, next, 0}}, nil, nil, "a loop"},
		{"direct and indirect are too long", []desc{{buf, 1, next, 1}, {table, 128, indirect, 0}}, full(8), nil, nil, "too long a chain"},
		{"next outside", []desc{{buf, 1, next, 8}}, nil, nil, nil, "descriptor 8 is outside"},
		{"next far outside", []desc{{buf, 1, next, 0xffff}}, nil, nil, nil, "descriptor 65535 is outside"},
		{"next outside its table", []desc{{table, 16, indirect, 0}}, []desc{{buf, 1, next, 1}}, nil, nil, "descriptor 1 is outside"},
		{"read after write", []desc{{buf, 1, next | write, 1}, {buf, 1, 0, 0}}, nil, nil, nil, "to read follows"},
		{"empty read after write", []desc{{buf, 1, next | write, 1}, {buf, 0, 0, 0}}, nil, nil, nil, "to read follows"},
		{"below RAM", []desc{{base - 1, 1, 0, 0}}, nil, nil, nil, "outside guest RAM"},
		{"into RAM", []desc{{base - 1, 2, 0, 0}}, nil, nil, nil, "outside guest RAM"},
		{"out of RAM", []desc{{end - 1, 2, write, 0}}, nil, nil, nil, "outside guest RAM"},
		{"above RAM", []desc{{end, 1, write, 0}}, nil, nil, nil, "outside guest RAM"},
		{"a length near 2^32", []desc{{buf, 0xffffffff, write, 0}}, nil, nil, nil, "outside guest RAM"},
		{"an end past 2^64", []desc{{1<<64 - 1, 0xffffffff, 0, 0}}, nil, nil, nil, "outside guest RAM"},
		{"table of nothing", []desc{{table, 0, indirect, 0}}, nil, nil, nil, "indirect table of 0 bytes"},
		{"table of a part", []desc{{table, 24, indirect, 0}}, nil, nil, nil, "indirect table of 24 bytes"},
		{"table longer than the queue", []desc{{table, 144, indirect, 0}}, nil, nil, nil, "indirect table of 144 bytes"},
		{"table near 2^32", []desc{{table, 0xfffffff0, indirect, 0}}, nil, nil, nil, "indirect table of 4294967280 bytes"},
		{"table outside", []desc{{end - 16, 32, indirect, 0}}, nil, nil, nil, "indirect table: guest address"},
		{"table and next", []desc{{table, 16, indirect | next, 1}}, []desc{{buf, 1, 0, 0}}, nil, nil, "indirect descriptor"},
		{"table in a table", []desc{{table, 16, indirect, 0}}, []desc{{table, 16, indirect, 0}}, nil, nil, "indirect descriptor"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newHeld(8)
			g := vt.New(t, d, vt.Options{RAM: ram, Base: base})
			g.Init(virtio.FeatureIndirectDesc)
			driver, q := g.Queue(0), d.queues[0]
			for i, e := range tt.direct {
				driver.SetDesc(i, vt.Desc(e))
			}
			for i, e := range tt.indirect {
				g.Put(table, i, vt.Desc(e))
			}
			driver.Raw(0)
			var c virtio.Chain
			if ok := q.Pop(&c); ok != (tt.because == "") {
				t.Fatalf("Pop = %v: %v", ok, q.Err())
			}
			if tt.because != "" {
				wantBroken(t, g, q, tt.because)
				return
			}
			wantLens(t, "read", c.Read, tt.read, c.ReadLen())
			wantLens(t, "write", c.Write, tt.write, c.WriteLen())
			q.Push(&c, 0xffffffff)
			u, _ := driver.Used()
			want(t, "length is held to the buffers", uint64(u.Len), c.WriteLen())
		})
	}
}

// full is a chain of n buffers of one byte.
func full(n int) (all []desc) {
	for i := range n {
		all = append(all, desc{Addr: 1<<20 + 0x8000, Len: 1, Flags: next, Next: uint16(i + 1)})
	}
	all[n-1].Flags = 0
	return all
}

func wantLens(t *testing.T, what string, got [][]byte, lens []int, total uint64) {
	t.Helper()
	want(t, what+" buffers", len(got), len(lens))
	for i := range min(len(got), len(lens)) {
		want(t, what+" length", len(got[i]), lens[i])
		total -= uint64(len(got[i]))
	}
	want(t, what+" rest", total, 0)
}

// wantBroken checks all that follows from a broken rule, and that a reset mends it.
func wantBroken(t *testing.T, g *vt.Guest, q *virtio.Queue, because string) {
	t.Helper()
	if err := q.Err(); err == nil || !strings.Contains(err.Error(), because) {
		t.Fatalf("error %v, want one with %q", err, because)
	}
	want(t, "NEEDS_RESET", g.Status(), 15|vt.StatusNeedsReset)
	want(t, "InterruptStatus", g.Ack(), 2)
	want(t, "interrupts", g.IRQ.Count(), 1)
	want(t, "the transport's error", g.MMIO.Err(), q.Err())
	var c virtio.Chain
	g.Queue(0).SetDesc(1, vt.Desc{Addr: g.Base, Len: 1})
	g.Queue(0).Raw(1)
	want(t, "popped of a broken queue", q.Pop(&c), false)
	q.Fail(nil)
	want(t, "interrupts, still", g.IRQ.Count(), 1)
	g.Init(0)
	want(t, "the transport's error after a reset", g.MMIO.Err(), nil)
}

func TestIndirectIsNegotiated(t *testing.T) {
	g, driver, q := up(t, 8, 0)
	g.Put(g.Base+0x9000, 0, vt.Desc{Addr: g.Base, Len: 1})
	driver.SetDesc(0, vt.Desc{Addr: g.Base + 0x9000, Len: 16, Flags: indirect})
	driver.Raw(0)
	var c virtio.Chain
	want(t, "popped", q.Pop(&c), false)
	wantBroken(t, g, q, "not negotiated")
}

// TestFourGiBInAChain needs no such RAM: the same 16 MiB, 256 times and more.
func TestFourGiBInAChain(t *testing.T) {
	for _, last := range []uint32{1<<24 - 1, 1 << 24} {
		d := newHeld(256)
		g := vt.New(t, d, vt.Options{RAM: 1 << 24})
		g.Init(0)
		for i := range 256 {
			g.Queue(0).SetDesc(i, vt.Desc{Addr: g.Base, Len: 1 << 24, Flags: next, Next: uint16(i + 1)})
		}
		g.Queue(0).SetDesc(255, vt.Desc{Addr: g.Base, Len: last})
		g.Queue(0).Raw(0)
		var c virtio.Chain
		want(t, "popped", d.queues[0].Pop(&c), last == 1<<24-1)
	}
}

// TestHole has a buffer that begins in one region of RAM and ends in another.
func TestHole(t *testing.T) {
	g, _, _ := up(t, 8, 0)
	split, err := memory.NewFromRegions(
		memory.Region{Addr: g.Base, Host: g.RAM[:1<<20]},
		memory.Region{Addr: g.Base + 1<<20, Host: g.RAM[2<<20 : 3<<20]})
	if err != nil {
		t.Fatal(err)
	}
	d := newHeld(8)
	g.MMIO, err = virtio.NewMMIO(d, virtio.MMIOConfig{Memory: split, IRQ: g.IRQ, Bells: g.Bells})
	if err != nil {
		t.Fatal(err)
	}
	g.Init(0)
	driver := g.Queue(0)
	driver.SetDesc(0, vt.Desc{Addr: g.Base + 1<<20 - 1, Len: 2})
	driver.Raw(0)
	var c virtio.Chain
	want(t, "popped", d.queues[0].Pop(&c), false)
}

func TestHeadsAndIndexes(t *testing.T) {
	for _, tt := range []struct {
		name    string
		do      func(driver *vt.Queue)
		because string
	}{
		{"head outside", func(d *vt.Queue) { d.Raw(8) }, "head 8"},
		{"head far outside", func(d *vt.Queue) { d.Raw(0xffff) }, "head 65535"},
		{"index jumps", func(d *vt.Queue) { d.SetAvailIdx(9) }, "from 0 to 9"},
		{"index goes back", func(d *vt.Queue) { d.SetAvailIdx(0xffff) }, "from 0 to 65535"},
		{"a head twice", func(d *vt.Queue) { d.Raw(0); d.Raw(0) }, "in use already"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, driver, q := up(t, 8, 0)
			driver.SetDesc(0, vt.Desc{Addr: g.Base, Len: 1})
			tt.do(driver)
			var c virtio.Chain
			for q.Pop(&c) {
				continue
			}
			wantBroken(t, g, q, tt.because)
		})
	}
}

// TestSnapshot changes a descriptor after it was popped.
func TestSnapshot(t *testing.T) {
	g, driver, q := up(t, 8, 0)
	driver.SetDesc(0, vt.Desc{Addr: g.Base + 0x8000, Len: 4})
	copy(g.Bytes(g.Base+0x8000, 4), "abcd")
	driver.Raw(0)
	var c virtio.Chain
	want(t, "popped", q.Pop(&c), true)
	driver.SetDesc(0, vt.Desc{Addr: 1 << 50, Len: 1 << 30})
	want(t, "contents", bytes.Equal(c.Read[0], []byte("abcd")), true)
}

func TestPushTwice(t *testing.T) {
	_, driver, q := up(t, 8, 0)
	driver.Submit([][]byte{{1}}, nil)
	var c virtio.Chain
	want(t, "popped", q.Pop(&c), true)
	again := c
	q.Push(&c, 0)
	q.Push(&c, 0)
	q.Push(&again, 0)
	q.Push(&virtio.Chain{}, 0)
	want(t, "used index", driver.UsedIdx(), 1)
}

// TestSizes fills queues of the smallest and the largest size, more than once round.
func TestSizes(t *testing.T) {
	for _, size := range []uint16{1, 2, virtio.MaxQueueSize} {
		_, driver, q := up(t, size, virtio.FeatureEventIdx)
		for round := range 3 {
			for i := range size {
				driver.Submit([][]byte{{byte(i), byte(i >> 8), byte(round)}}, nil)
			}
			var c virtio.Chain
			for i := range size {
				want(t, "popped", q.Pop(&c), true)
				want(t, "contents", [3]byte(c.Read[0]), [3]byte{byte(i), byte(i >> 8), byte(round)})
				q.Push(&c, 0)
			}
			want(t, "popped of an empty queue", q.Pop(&c), false)
			for u, ok := driver.Used(); ok; u, ok = driver.Used() {
				driver.Free(u.Request)
			}
		}
		want(t, "used index", driver.UsedIdx(), 3*size)
		want(t, "error", q.Err(), nil)
	}
}
