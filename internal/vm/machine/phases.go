package machine

import (
	"sync/atomic"
	"time"

	"terem/devices/ctl"
)

// Phase is a part of a machine's life:
//
//	create   from Config.Since until VM, devices and vCPUs are there
//	load     kernel and tables into RAM, until the guest is entered for the first time
//	kernel   until the first act of its PID 1 (ctl.Began)
//	init     until that executes the program (ctl.Executing)
//	program  until the machine has ended; with PID 1's last acts
//	end      until the report
//
// One that goes on from a snapshot has others in between:
//
//	restore  state into KVM and devices, until the guest is entered for the first time
//	guest    until its program is executed, or goes on, as whoever started it notes (Machine.Executes)
//
// A guest that does not mark what it does, or marks it in another order, has no phases that such a mark bounds.
type Phase struct {
	Name string        `json:"name"`
	Time time.Duration `json:"ns"`
}

// mark is the end of a phase.
type mark int

const (
	markMade mark = iota
	markEntered
	markBegan
	markExecuting
	markOver
	markCount
)

// marks are the times at which the machine came to each mark. They are noted from any goroutine, also on
// the exit path.
type marks struct {
	since    time.Time
	restored atomic.Bool             // from a snapshot: it does not begin
	at       [markCount]atomic.Int64 // nanoseconds after since; 0: not yet
}

// begin sets the time from which all else counts; the zero time means now.
func (m *marks) begin(since time.Time) {
	if since.IsZero() {
		since = time.Now()
	}
	m.since = since
}

// note notes the time of a mark. Only the first time counts: a guest may repeat itself.
func (m *marks) note(k mark) {
	m.at[k].CompareAndSwap(0, max(1, int64(time.Since(m.since))))
}

// event notes what the guest reports.
func (m *marks) event(e ctl.Event) {
	switch e {
	case ctl.Began:
		m.note(markBegan)
	case ctl.Executing:
		m.note(markExecuting)
	}
}

// Executes notes that the program which all this is for is being executed, if the guest does not say so itself.
func (m *Machine) Executes() { m.marks.note(markExecuting) }

// phases gives the phases both of whose ends have come, in order; the last of a machine that is over ends now.
func (m *marks) phases() (p []Phase) {
	names := [markCount + 1]string{"create", "load", "kernel", "init", "program", "end"}
	if m.restored.Load() {
		names = [markCount + 1]string{"create", "restore", "", "guest", "program", "end"}
	}
	from, known := int64(0), true
	for k, name := range names {
		if name == "" {
			continue
		}
		to := int64(time.Since(m.since))
		if k < int(markCount) {
			to = m.at[k].Load()
		}
		if to < from || to == 0 {
			known = false
			continue
		}
		if known {
			p = append(p, Phase{name, time.Duration(to - from)})
		}
		from, known = to, true
	}
	return p
}
