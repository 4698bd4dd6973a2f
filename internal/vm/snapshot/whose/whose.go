package whose

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"terem/devices/virtio"
	"terem/internal/vm/machine"
	"terem/internal/vm/snapshot"
	"terem/memory"
)

// Image is a guest at a moment.
type Image struct {
	RAM   RAM
	State *machine.State
}

// Report says whose pages differ.
type Report struct {
	Pages   int      `json:"pages"`   // that differ
	Changed int      `json:"changed"` // from something to something else
	Filled  int      `json:"filled"`  // were zero
	Emptied int      `json:"emptied"` // have become zero
	Kernel  string   `json:"kernel"`  // the directory with the kernel's symbols; "": there is none of this kernel
	Owners  []Owner  `json:"owners"`
	Notes   []string `json:"notes"` // what could not be told
}

// Owner is who has some of them.
type Owner struct {
	Name    string   `json:"owner"`
	Pages   int      `json:"pages"`
	Changed int      `json:"changed"`
	Filled  int      `json:"filled"`
	Emptied int      `json:"emptied"`
	Symbols []Symbol `json:"symbols,omitempty"` // of a kernel: what has changed, most first
	Runs    []string `json:"runs"`              // guest-physical address and number of pages: 0x1000+2
}

// Symbol is a variable of which bytes differ.
type Symbol struct {
	Name  string `json:"name"`
	Bytes int    `json:"bytes"`
}

// Nobody is the owner of pages that nothing tells of.
const Nobody = "not told apart: page cache, slab, other processes, free pages"

// budget bounds the steps of all walks: no guest's tables may take longer, however they are made. It does for some 100 GiB of RAM.
const budget = 1 << 26

// mostTables is how many CPUs' tables are looked at: a state may say that there are millions of them.
const mostTables = 256

// teller finds owners. Who comes first has a page.
type teller struct {
	ctx     context.Context
	pages   []snapshot.Page // by address
	owner   []string        // of each; "": nobody yet
	before  RAM
	after   Image
	symbols map[string]map[string]int
	steps   int
	notes   []string
}

// Tell says whose pages differ between two images of a guest, by what the second one shows. The kernel's names are looked for
// below a directory. The error is the context's: a guest's tables can be many.
func Tell(ctx context.Context, before RAM, after Image, pages []snapshot.Page, kernels string) (*Report, error) {
	r := &teller{ctx: ctx, pages: pages, owner: make([]string, len(pages)), before: before, after: after, symbols: map[string]map[string]int{}, steps: budget}
	r.firmware()
	r.queues()
	k := r.mapped(kernels)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.steps <= 0 {
		r.note("the guest's page tables are too many to be gone through")
	}
	return r.report(k), nil
}

func (r *teller) note(text string) { r.notes = append(r.notes, text) }

// find is the number of the page at an address, if it differs.
func (r *teller) find(a memory.Addr) (int, bool) {
	return slices.BinarySearchFunc(r.pages, a, func(p snapshot.Page, a memory.Addr) int { return cmp.Compare(p.Addr, a) })
}

// claim gives an owner what nobody has of some bytes.
func (r *teller) claim(owner string, a memory.Addr, size uint64) {
	end := a + memory.Addr(size)
	if end < a {
		return
	}
	a &^= memory.PageSize - 1
	i := sort.Search(len(r.pages), func(i int) bool { return r.pages[i].Addr >= a })
	for ; i < len(r.pages) && r.pages[i].Addr < end && r.steps > 0; i++ {
		r.steps--
		if r.owner[i] == "" {
			r.owner[i] = owner
		}
	}
}

// firmware is what terem itself puts where a PC has its BIOS.
func (r *teller) firmware() {
	r.claim("what a restored guest is told", memory.Generation, memory.GenerationSize)
	r.claim("tables of the firmware", memory.RSDP, uint64(memory.Generation-memory.RSDP))
}

// queues are the rings of each virtio device that the driver has set up.
func (r *teller) queues() {
	const transport = " transport"
	for _, part := range slices.Sorted(maps.Keys(r.after.State.Devices)) {
		device, ok := strings.CutSuffix(part, transport)
		if !ok {
			continue
		}
		var s virtio.State
		if json.Unmarshal(r.after.State.Devices[part], &s) != nil {
			r.note("the state of " + printable(device) + " makes no sense")
			continue
		}
		for i, q := range s.Queues {
			if !q.Ready {
				continue
			}
			owner := fmt.Sprintf("virtio %s, queue %d", printable(device), i)
			n := uint64(q.Size) // virtio 1.2, section 2.7
			r.claim(owner, memory.Addr(q.Desc), 16*n)
			r.claim(owner, memory.Addr(q.Driver), 6+2*n)
			r.claim(owner, memory.Addr(q.Device), 6+8*n)
		}
	}
}

// mapped asks the guest's page tables.
func (r *teller) mapped(kernels string) *kernel {
	var all []cpuTables
	seen := map[uint64]bool{}
	for cpu, c := range r.after.State.CPUs {
		if len(seen) == mostTables {
			r.note("more CPUs than a machine can have: the rest is not looked at")
			break
		}
		if c.Sregs.CR0&cr0Paging != 0 && c.Sregs.EFER&eferLMA != 0 && !seen[c.Sregs.CR3] { // otherwise the tables are of another form, or were gone through
			seen[c.Sregs.CR3] = true
			all = append(all, cpuTables{cpu, newTables(r.after.RAM, c.Sregs.CR3, c.Sregs.CR4)})
		}
	}
	k, beside := r.kernel(all, kernels)
	for _, t := range append(all, beside...) {
		t.walk(&claims{r: r, cpu: t.cpu, kernel: k != nil && t.levels == 4 && k.fixed()})
	}
	return k
}

// cpuTables are the page tables with which a CPU ran.
type cpuTables struct {
	cpu int
	*tables
}

// kernel finds the guest's kernel and gives it what is its own. A program may have run with tables that do not have the kernel; the
// kernel's own are beside them.
func (r *teller) kernel(all []cpuTables, kernels string) (k *kernel, beside []cpuTables) {
	for _, of := range all {
		for _, root := range []memory.Addr{of.root, of.root &^ ptiBit} {
			t := &tables{ram: of.ram, root: root, levels: of.levels, seen: of.seen}
			k, err := findKernel(kernels, t)
			if err != nil {
				r.note(err.Error())
			}
			if k == nil {
				continue
			}
			for _, s := range append(k.sections(), k.perCPU(t, min(len(r.after.State.CPUs), mostTables))...) {
				r.claimSection(k, t, s)
			}
			if root != of.root {
				beside = append(beside, cpuTables{of.cpu, t})
			}
			return k, beside
		}
	}
	r.note("the guest's kernel is none that terem has built here: its variables have no names")
	return nil, nil
}

// fixed says whether the kernel's areas are where Documentation/arch/x86/x86_64/mm.rst has them; otherwise they are drawn at each boot.
func (k *kernel) fixed() bool {
	_, drawn := k.at["vmemmap_base"]
	return !drawn
}

// Areas of a kernel with four levels of tables (Documentation/arch/x86/x86_64/mm.rst).
const (
	vmallocStart = 0xffff_c900_0000_0000
	vmallocEnd   = 0xffff_e900_0000_0000
	vmemmapStart = 0xffff_ea00_0000_0000
	vmemmapEnd   = 0xffff_eb00_0000_0000
	kernelHalf   = 1 << 63
)

// claims has pages claimed by what they are mapped as.
type claims struct {
	r      *teller
	cpu    int
	kernel bool // its areas are known
}

func (c *claims) table(a memory.Addr) bool {
	c.r.claim("page tables", a, memory.PageSize)
	c.r.steps -= entries
	return c.r.steps > 0 && c.r.ctx.Err() == nil
}

func (c *claims) leaf(m mapping) bool {
	switch {
	case m.virt < kernelHalf && m.user:
		c.r.claim(fmt.Sprintf("the program that ran on CPU %d", c.cpu), m.addr, m.size)
	case c.kernel && m.virt >= vmemmapStart && m.virt < vmemmapEnd:
		c.r.claim("the kernel's records of pages (struct page)", m.addr, m.size)
	case c.kernel && m.virt >= vmallocStart && m.virt < vmallocEnd:
		c.r.claim("the kernel's vmalloc area", m.addr, m.size)
	}
	return c.r.steps > 0
}

// report adds up.
func (r *teller) report(k *kernel) *Report {
	out := &Report{Owners: []Owner{}, Notes: append([]string{}, r.notes...)}
	if k != nil {
		out.Kernel = k.dir
	}
	rows := map[string]*Owner{}
	for i, p := range r.pages {
		name := cmp.Or(r.owner[i], Nobody)
		o := rows[name]
		if o == nil {
			o = &Owner{Name: name, Symbols: ranked(r.symbols[name])}
			rows[name] = o
		}
		o.add(p)
		out.count(p)
	}
	for name, o := range rows {
		o.Runs = runsOf(r.pages, func(i int) bool { return cmp.Or(r.owner[i], Nobody) == name })
		out.Owners = append(out.Owners, *o)
	}
	slices.SortFunc(out.Owners, func(a, b Owner) int {
		if (a.Name == Nobody) != (b.Name == Nobody) {
			return map[bool]int{true: 1, false: -1}[a.Name == Nobody]
		}
		return cmp.Or(cmp.Compare(b.Pages, a.Pages), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func (o *Owner) add(p snapshot.Page) {
	o.Pages++
	switch p.Change {
	case snapshot.Changed:
		o.Changed++
	case snapshot.Filled:
		o.Filled++
	case snapshot.Emptied:
		o.Emptied++
	}
}

func (r *Report) count(p snapshot.Page) {
	o := Owner{Pages: r.Pages, Changed: r.Changed, Filled: r.Filled, Emptied: r.Emptied}
	o.add(p)
	r.Pages, r.Changed, r.Filled, r.Emptied = o.Pages, o.Changed, o.Filled, o.Emptied
}

// ranked is symbols by how much of them changed.
func ranked(counts map[string]int) (all []Symbol) {
	for name, n := range counts {
		all = append(all, Symbol{name, n})
	}
	slices.SortFunc(all, func(a, b Symbol) int { return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name)) })
	return all
}

// runsOf are the runs of those pages that are wanted.
func runsOf(pages []snapshot.Page, wanted func(i int) bool) []string {
	runs := []string{}
	for i := 0; i < len(pages); {
		n := 0
		for i+n < len(pages) && wanted(i+n) && pages[i+n].Addr == pages[i].Addr+memory.Addr(n)*memory.PageSize {
			n++
		}
		if n > 0 {
			runs = append(runs, fmt.Sprintf("%v+%d", pages[i].Addr, n))
		}
		i += max(n, 1)
	}
	return runs
}

// printable is a name of a stranger's without what a terminal would obey.
func printable(s string) string {
	const most = 64
	return fmt.Sprintf("%.*s", most, strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s))
}
