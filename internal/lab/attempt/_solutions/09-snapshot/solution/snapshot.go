// Package exercise saves a machine, and makes others of what was saved.
package exercise

import (
	"crypto/sha256"
	"fmt"
	"sort"
)

// order is that of a restore: SREGS says where the APIC is, the APIC's mode says what a deadline in the MSRs is for, and REGS forgets
// pending events.
var order = []Part{Sregs, LAPIC, MSRs, Regs, Events}

// Save reads all parts of a vCPU.
func Save(c CPU) (State, error) {
	s := State{}
	for _, p := range order {
		b, err := c.Get(p)
		if err != nil {
			return nil, fmt.Errorf("save %s: %w", p, err)
		}
		s[p] = b
	}
	return s, nil
}

// Restore writes them to a vCPU that was just made, in an order in which none undoes another.
func Restore(c CPU, s State) error {
	for _, p := range order {
		if err := c.Set(p, s[p]); err != nil {
			return fmt.Errorf("restore %s: %w", p, err)
		}
	}
	return nil
}

// Memory is a guest's, and knows which pages were written since the last snapshot.
type Memory struct {
	RAM []byte
	// Log gives the numbers of the pages that the guest has written since it was called last, as KVM_GET_DIRTY_LOG does.
	Log func() []uint64

	devices map[uint64]bool // pages that devices have written: KVM does not see those
}

// Write is how a device writes to memory. It is within RAM.
func (m *Memory) Write(addr uint64, p []byte) {
	if len(p) == 0 {
		return
	}
	copy(m.RAM[addr:], p)
	if m.devices == nil {
		m.devices = map[uint64]bool{}
	}
	for n := addr / PageSize; n <= (addr+uint64(len(p))-1)/PageSize; n++ {
		m.devices[n] = true
	}
}

// Diff gives the pages that were written since the last Diff, by the guest or a device: each once, in ascending order, as they are now.
func (m *Memory) Diff() []Page {
	written := m.devices
	m.devices = nil
	if written == nil {
		written = map[uint64]bool{}
	}
	for _, n := range m.Log() {
		written[n] = true
	}
	var pages []Page
	for n := range written {
		pages = append(pages, Page{n, append([]byte(nil), m.RAM[n*PageSize:][:PageSize]...)})
	}
	sort.Slice(pages, func(i, j int) bool { return pages[i].Number < pages[j].Number })
	return pages
}

// Clone gives the random device that a clone goes on with. R is that of the snapshot, the same for all clones; fresh is drawn by the host, for
// this clone alone.
func Clone(r Random, fresh [32]byte) Random {
	r.Secret = sha256.Sum256(append(r.Secret[:], fresh[:]...))
	return r
}
