package machine

import (
	"cmp"
	"slices"
	"time"

	"terem/kvm"
	"terem/vcpu"
	"terem/vcpu/assist"
)

// Report is what a run cost. Times are in nanoseconds.
type Report struct {
	Schema      int           `json:"schema"` // 1; raised when a name changes its meaning
	VCPUs       int           `json:"vcpus"`
	Wall        time.Duration `json:"wall_ns"`     // since Start
	InGuest     time.Duration `json:"in_guest_ns"` // within KVM_RUN, over all vCPUs, halts included
	InVMM       time.Duration `json:"in_vmm_ns"`   // answering exits, over all vCPUs
	Interrupted uint64        `json:"interrupted"` // KVM_RUN ended by a signal
	Exits       []Row         `json:"exits"`       // by reason
	Places      []Row         `json:"places"`      // by port or page
	Finished    []Row         `json:"finished"`    // instructions finished for KVM
	Instead     []string      `json:"instead"`     // those that nobody finished: an exception for the guest, the first of each vCPU
	KVM         kvm.Stats     `json:"kvm"`         // KVM's own counters, summed over the vCPUs
	Phases      []Phase       `json:"phases"`      // where the time went, in order
}

// Row is one line of a report.
type Row struct {
	Name   string        `json:"name"`
	Addr   uint64        `json:"addr,omitempty"` // port, or guest-physical address of the page
	Count  uint64        `json:"count"`
	Writes uint64        `json:"writes,omitempty"`
	Time   time.Duration `json:"ns"`
}

// Report pauses the machine, for good if it has ended, and sums up its exits. It
// is empty but for KVM's counters and the phases unless Config.CountExits was set.
func (m *Machine) Report() (Report, error) {
	r := Report{Schema: 1, VCPUs: len(m.cpus), Wall: time.Since(m.started), KVM: kvm.Stats{}}
	if err := m.Pause(); err != nil {
		return r, err
	}
	for _, c := range m.cpus {
		if err := c.Do(r.addStats); err != nil {
			return r, err
		}
	}
	places := map[string]*Row{}
	for _, l := range m.ledgers {
		r.addLedger(l)
		m.addPlaces(places, l)
	}
	for _, p := range places {
		r.Places = append(r.Places, *p)
	}
	for _, u := range m.helpers {
		r.addFinished(u.Counts(), u.Given())
	}
	for _, rows := range [][]Row{r.Exits, r.Places, r.Finished} {
		slices.SortFunc(rows, func(a, b Row) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
		})
	}
	r.Phases = m.marks.phases()
	return r, nil
}

func (r *Report) addStats(c *kvm.VCPU) error {
	s, err := c.Stats()
	if err != nil {
		return nil // an old kernel: KVM_CAP_BINARY_STATS_FD is not required
	}
	for name, v := range s {
		if v != 0 {
			r.KVM[name] += v
		}
	}
	return nil
}

func (r *Report) addLedger(l *vcpu.Ledger) {
	r.InGuest += l.InGuest
	r.Interrupted += l.Interrupted
	for reason, t := range l.Reasons {
		if t.Count == 0 {
			continue
		}
		r.InVMM += t.Time
		r.Exits = addRow(r.Exits, Row{Name: kvm.ExitReason(reason).String(), Count: t.Count, Time: t.Time})
	}
}

// addRow adds to the row of that name.
func addRow(rows []Row, add Row) []Row {
	for i := range rows {
		if rows[i].Name == add.Name {
			rows[i].Count += add.Count
			rows[i].Time += add.Time
			return rows
		}
	}
	return append(rows, add)
}

func (m *Machine) addPlaces(places map[string]*Row, l *vcpu.Ledger) {
	add := func(name string, addr uint64, t *vcpu.Tally) {
		if t.Count == 0 {
			return
		}
		p := places[name]
		if p == nil {
			p = &Row{Name: name, Addr: addr}
			places[name] = p
		}
		p.Addr = min(p.Addr, addr)
		p.Count += t.Count
		p.Writes += t.Writes
		p.Time += t.Time
	}
	for port, t := range l.Ports {
		add(cmp.Or(m.board.ports.Name(uint64(port)), "unclaimed port"), uint64(port), t)
	}
	for page, t := range l.Pages {
		add(cmp.Or(m.board.mem.Name(page<<12), "unclaimed memory"), page<<12, t)
	}
	add("further ports and pages", 0, &l.Other)
}

// addFinished adds how one vCPU was helped, and the first instruction with which it could not be.
func (r *Report) addFinished(counts []assist.Count, given *assist.Unfinished) {
	for _, c := range counts {
		if c.N > 0 {
			r.Finished = addRow(r.Finished, Row{Name: c.Name, Count: c.N, Time: time.Duration(c.Nanoseconds)})
		}
	}
	if given != nil && !slices.Contains(r.Instead, given.Error()) {
		r.Instead = append(r.Instead, given.Error())
	}
}
