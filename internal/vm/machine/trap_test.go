package machine

import (
	"bytes"
	"slices"
	"testing"

	"terem/vcpu/gdb"
)

// trapped are traps at bytes of RAM, by their places in it.
func trapped(ram []byte, places ...int) (t traps) {
	for i, at := range places {
		p := soft(uint64(0x1000 * i))
		t = append(t, trap{at: &p, byte: ram[at : at+1]})
	}
	t.put()
	return t
}

// TestTraps: what the guest had is there again, also where two addresses are one byte, where it had an INT3 of its own, and where it has written
// something else meanwhile. Only what is still there is put again.
func TestTraps(t *testing.T) {
	ram := []byte{0x10, int3, 0x12, 0x13}
	before := bytes.Clone(ram)
	list := trapped(ram, 0, 1, 0, 2, 0)
	if want := []byte{int3, int3, int3, 0x13}; !bytes.Equal(ram, want) {
		t.Fatalf("% x", ram)
	}
	list.take()
	if !bytes.Equal(ram, before) {
		t.Errorf("taken: % x", ram)
	}
	list.put()
	ram[2] = 0x42
	list.take()
	if want := []byte{0x10, int3, 0x42, 0x13}; !bytes.Equal(ram, want) {
		t.Errorf("the guest's byte is lost: % x", ram)
	}
	if len(list) != 4 || list.find(0x3000) != nil || list.find(0x2000) == nil {
		t.Errorf("traps that are left: %+v", list)
	}
	list.put()
	if want := []byte{int3, int3, 0x42, 0x13}; !bytes.Equal(ram, want) {
		t.Errorf("put again: % x", ram)
	}
}

func watch(addr uint64) gdb.Breakpoint { return gdb.Breakpoint{Kind: gdb.Write, Addr: addr, Len: 8} }

// TestPlace: who gets a debug register, and whom there is no room for.
func TestPlace(t *testing.T) {
	const unmapped = 1 << 40
	list := []gdb.Breakpoint{soft(1), soft(2), soft(unmapped), soft(unmapped + 1), soft(unmapped + 2), watch(8)}
	mapped := func(addr uint64) bool { return addr < unmapped }
	for _, tt := range []struct {
		name        string
		list        []gdb.Breakpoint
		soft        bool
		interprets  bool
		slots, rest []uint64
		bad         bool
	}{
		{name: "all", list: list, slots: []uint64{8, unmapped, unmapped + 1, unmapped + 2}, rest: []uint64{1, 2}},
		{name: "the assistant has one", list: list, soft: true, slots: []uint64{8, unmapped, unmapped + 1}, rest: []uint64{unmapped + 2, 1, 2}},
		{name: "more than there is RAM for", list: append(list[:5:5], soft(unmapped+3), soft(unmapped+4)), slots: []uint64{unmapped, unmapped + 1, unmapped + 2, unmapped + 3},
			rest: []uint64{unmapped + 4, 1, 2}},
		{name: "no INT3", list: list, interprets: true, bad: true},
		{name: "no INT3, but room", list: list[:4], interprets: true, slots: []uint64{1, 2, unmapped, unmapped + 1}},
		{name: "watched", list: slices.Repeat([]gdb.Breakpoint{watch(8)}, 5), bad: true},
		{name: "not aligned", list: []gdb.Breakpoint{watch(9)}, bad: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &Debugger{m: &Machine{soft: tt.soft, interprets: tt.interprets}}
			s, rest, err := d.place(tt.list, mapped)
			if (err != nil) != tt.bad {
				t.Fatal(err)
			}
			if got := addrs(s[:]); !slices.Equal(got, tt.slots) {
				t.Errorf("in debug registers: %#x", got)
			}
			if got := addrs(rest); !slices.Equal(got, tt.rest) {
				t.Errorf("the rest: %#x", got)
			}
		})
	}
}

func addrs(list []*gdb.Breakpoint) (a []uint64) {
	for _, p := range list {
		if p != nil {
			a = append(a, p.Addr)
		}
	}
	return a
}

// TestQueuedHits: a hit that gdb has not heard of goes with its breakpoint; else a machine that gdb leaves would stand for it.
func TestQueuedHits(t *testing.T) {
	d := &Debugger{m: &Machine{}}
	a, b := watch(8), watch(16)
	if err := d.SetBreakpoints(0, []gdb.Breakpoint{a, b}); err != nil {
		t.Fatal(err)
	}
	d.hits = []gdb.Stop{{Why: gdb.Hit, CPU: 1, At: a}, {Why: gdb.Hit, At: b}}
	if err := d.SetBreakpoints(0, []gdb.Breakpoint{b}); err != nil {
		t.Fatal(err)
	}
	if !d.late() || len(d.hits) != 1 || d.hits[0].At != b {
		t.Errorf("one is left: %+v", d.hits)
	}
	if err := d.SetBreakpoints(0, nil); err != nil {
		t.Fatal(err)
	}
	if d.late() {
		t.Errorf("none is left: %+v", d.hits)
	}
}
