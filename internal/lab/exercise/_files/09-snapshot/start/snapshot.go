// Package exercise saves a machine, and makes others of what was saved.
package exercise

import "errors"

var errNotYet = errors.New("not written yet")

// Save reads all parts of a vCPU.
func Save(c CPU) (State, error) {
	return nil, errNotYet
}

// Restore writes them to a vCPU that was just made, in an order in which none undoes another.
func Restore(c CPU, s State) error {
	return errNotYet
}

// Memory is a guest's, and knows which pages were written since the last snapshot.
type Memory struct {
	RAM []byte
	// Log gives the numbers of the pages that the guest has written since it was called last, as KVM_GET_DIRTY_LOG does.
	Log func() []uint64
}

// Write is how a device writes to memory. It is within RAM.
func (m *Memory) Write(addr uint64, p []byte) {
}

// Diff gives the pages that were written since the last Diff, by the guest or a device: each once, in ascending order, as they are now.
func (m *Memory) Diff() []Page {
	return nil
}

// Clone gives the random device that a clone goes on with. R is that of the snapshot, the same for all clones; fresh is drawn by the host, for
// this clone alone.
func Clone(r Random, fresh [32]byte) Random {
	return r
}
