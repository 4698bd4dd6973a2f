package whose

import (
	"encoding/binary"

	"terem/memory"
)

// RAM reads the page with an address into p.
type RAM interface {
	Page(a memory.Addr, p []byte) error
}

// Bits of a page table's entry, and of registers (Intel SDM volume 3, 5.5).
const (
	entryPresent = 1 << 0
	entryUser    = 1 << 2
	entryLarge   = 1 << 7                // at levels 2 and 3: it maps a page itself
	entryAddr    = 0x000f_ffff_ffff_f000 // of the next table, or of the page
	ptiBit       = 1 << 12               // of CR3: the tables that a program runs with, next to the kernel's (arch/x86/entry/calling.h)
	cr0Paging    = 1 << 31
	cr4LA57      = 1 << 12
	eferLMA      = 1 << 10
)

const (
	entries  = 512
	pageBits = 12
	levelOf9 = 9 // bits of an address that a level looks at
)

// tables is the page tables below one root.
type tables struct {
	ram    RAM
	root   memory.Addr
	levels int
	seen   map[memory.Addr]*[entries]uint64
}

func newTables(ram RAM, cr3, cr4 uint64) *tables {
	t := &tables{ram: ram, root: memory.Addr(cr3 & entryAddr), levels: 4, seen: map[memory.Addr]*[entries]uint64{}}
	if cr4&cr4LA57 != 0 {
		t.levels = 5
	}
	return t
}

// table reads one, or has it; nil: it is not in RAM.
func (t *tables) table(a memory.Addr) *[entries]uint64 {
	if have := t.seen[a]; have != nil {
		return have
	}
	const most = 4096 // that are remembered
	if len(t.seen) >= most {
		clear(t.seen)
	}
	var page [memory.PageSize]byte
	if t.ram.Page(a, page[:]) != nil {
		return nil
	}
	e := new([entries]uint64)
	for i := range e {
		e[i] = binary.LittleEndian.Uint64(page[8*i:])
	}
	t.seen[a] = e
	return e
}

// index is an address's place in a table of a level; the lowest is 1.
func index(virt uint64, level int) uint64 { return virt >> span(level) % entries }

// span is how many bits of an address are below an entry of a level.
func span(level int) int { return pageBits + levelOf9*(level-1) }

// translate is where a virtual address is.
func (t *tables) translate(virt uint64) (memory.Addr, bool) {
	at := t.root
	for level := t.levels; ; level-- {
		table := t.table(at)
		if table == nil || table[index(virt, level)]&entryPresent == 0 {
			return 0, false
		}
		e := table[index(virt, level)]
		if level == 1 || level <= 3 && e&entryLarge != 0 {
			size := uint64(1) << span(level)
			return memory.Addr(e&entryAddr&^(size-1) | virt&(size-1)), true
		}
		at = memory.Addr(e & entryAddr)
	}
}

// read reads bytes at a virtual address.
func (t *tables) read(virt uint64, b []byte) bool {
	var page [memory.PageSize]byte
	for len(b) > 0 {
		a, ok := t.translate(virt)
		if !ok || t.ram.Page(a, page[:]) != nil {
			return false
		}
		n := copy(b, page[virt%memory.PageSize:])
		b, virt = b[n:], virt+uint64(n)
	}
	return true
}

// mapping is a page of any size.
type mapping struct {
	virt uint64
	addr memory.Addr
	size uint64
	user bool
}

// visitor is told of tables and of what they map; if it says no, the walk ends.
type visitor interface {
	table(a memory.Addr) bool
	leaf(m mapping) bool
}

// walk goes through all tables. One that is reached twice at the same level is gone through once: a guest may have them in a circle.
func (t *tables) walk(v visitor) {
	w := walker{t: t, v: v, been: map[step]bool{}}
	w.down(t.root, t.levels, 0)
}

type step struct {
	at    memory.Addr
	level int
}

type walker struct {
	t    *tables
	v    visitor
	been map[step]bool
}

func (w *walker) down(at memory.Addr, level int, virt uint64) bool {
	if w.been[step{at, level}] {
		return true
	}
	w.been[step{at, level}] = true
	table := w.t.table(at)
	if table == nil {
		return true
	}
	if !w.v.table(at) {
		return false
	}
	for i, e := range table {
		if e&entryPresent == 0 {
			continue
		}
		here := virt | uint64(i)<<span(level)
		if level == w.t.levels && i >= entries/2 {
			here |= ^uint64(0) << span(level+1) // canonical
		}
		on := true
		if level == 1 || level <= 3 && e&entryLarge != 0 {
			size := uint64(1) << span(level)
			on = w.v.leaf(mapping{here, memory.Addr(e & entryAddr &^ (size - 1)), size, e&entryUser != 0})
		} else {
			on = w.down(memory.Addr(e&entryAddr), level-1, here)
		}
		if !on {
			return false
		}
	}
	return true
}
