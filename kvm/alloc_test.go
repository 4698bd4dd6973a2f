//go:build !race

package kvm

import "testing"

// TestSignalAllocatesNothing: devices interrupt on the exit path. (The race detector's own
// look at what is written allocates.)
func TestSignalAllocatesNothing(t *testing.T) {
	e := newEvent(t)
	if n := testing.AllocsPerRun(100, func() { _ = e.Signal() }); n != 0 {
		t.Errorf("%v allocations for a Signal", n)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}
