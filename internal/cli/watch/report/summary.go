package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"terem/vcpu/trace"
)

// Summary is what a trace has, summed up. Times are in nanoseconds.
type Summary struct {
	Schema    int           `json:"schema"` // 1; raised when a name changes its meaning
	Began     time.Time     `json:"began"`
	Took      time.Duration `json:"took_ns"`
	Every     time.Duration `json:"every_ns,omitempty"` // between the samples of a profile
	VCPUs     []VCPU        `json:"vcpus"`
	Records   uint64        `json:"records"`
	Lost      uint64        `json:"lost"`      // before those that were kept
	InTerem   time.Duration `json:"in_vmm_ns"` // answering exits, over all vCPUs
	Reasons   []Row         `json:"reasons,omitempty"`
	Places    []Row         `json:"places,omitempty"`
	Functions []Row         `json:"functions"`
}

// VCPU is a vCPU's part.
type VCPU struct {
	Records uint64 `json:"records"`
	Lost    uint64 `json:"lost"`
}

// Row is what is the same of some records.
type Row struct {
	Name    string        `json:"name"`
	Count   uint64        `json:"count"`
	Writes  uint64        `json:"writes,omitempty"`
	Bytes   uint64        `json:"bytes,omitempty"`
	Time    time.Duration `json:"ns"`
	Longest time.Duration `json:"longest_ns"`
}

// Sum sums a trace up.
func Sum(t *trace.Trace) *Summary {
	s := &Summary{Schema: 1, Began: t.Began, Took: t.Took, Every: t.Every}
	n := newNames(t)
	reasons, places, functions := rows{}, rows{}, rows{}
	for _, c := range t.CPUs {
		s.VCPUs = append(s.VCPUs, VCPU{uint64(len(c.Records)), c.Lost})
		s.Records += uint64(len(c.Records))
		s.Lost += c.Lost
		for i := range c.Records {
			r := &c.Records[i]
			s.InTerem += time.Duration(r.Took)
			functions.add(n.function(r.RIP), r)
			if r.Reason == trace.Sample {
				continue
			}
			reasons.add(r.Name(), r)
			if p, is := r.Place(); is {
				places.add(n.place(p), r)
			}
		}
	}
	s.Reasons, s.Places, s.Functions = reasons.list(), places.list(), functions.list()
	return s
}

type rows map[string]*Row

func (m rows) add(name string, r *trace.Record) {
	row := m[name]
	if row == nil {
		row = &Row{Name: name}
		m[name] = row
	}
	row.Count++
	if r.Write {
		row.Writes++
	}
	row.Bytes += uint64(r.Size) * uint64(r.Count)
	row.Time += time.Duration(r.Took)
	row.Longest = max(row.Longest, time.Duration(r.Took))
}

// list has the rows, the most frequent first.
func (m rows) list() (list []Row) {
	for _, r := range m {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b Row) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name)) })
	return list
}

// names knows what is where.
type names struct {
	symbols []trace.Symbol
	places  map[trace.Place]string
}

func newNames(t *trace.Trace) *names {
	n := &names{symbols: t.Symbols, places: map[trace.Place]string{}}
	for _, p := range t.Places {
		n.places[trace.Place{Addr: p.Addr, Memory: p.Memory}] = p.Name
	}
	return n
}

// outside is where code is that no kernel's symbols name: programs, and a kernel before it has its own addresses.
const outside = "below the kernel: programs, early boot"

// function is the function that an address is in.
func (n *names) function(rip uint64) string {
	if !trace.Kernel(rip) {
		return outside
	}
	if s, ok := n.symbol(rip); ok {
		return s.Name
	}
	return fmt.Sprintf("%#x", rip)
}

// spot is the function with an offset, or the address.
func (n *names) spot(rip uint64) string {
	s, ok := n.symbol(rip)
	if !ok || !trace.Kernel(rip) {
		return fmt.Sprintf("%#x", rip)
	}
	return fmt.Sprintf("%s+%#x", s.Name, rip-s.Addr)
}

func (n *names) symbol(rip uint64) (s trace.Symbol, ok bool) {
	i, exact := slices.BinarySearchFunc(n.symbols, rip, func(s trace.Symbol, rip uint64) int { return cmp.Compare(s.Addr, rip) })
	if !exact {
		i--
	}
	if i < 0 {
		return s, false
	}
	return n.symbols[i], true
}

// place is the device at a place, or its address.
func (n *names) place(p trace.Place) string {
	kind := "port"
	if p.Memory {
		kind = "page"
	}
	if name := n.places[p]; name != "" {
		return fmt.Sprintf("%s, %s %#x", name, kind, p.Addr)
	}
	return fmt.Sprintf("nobody, %s %#x", kind, p.Addr)
}
