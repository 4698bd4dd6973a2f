package machine

import (
	"slices"

	"terem/vcpu/gdb"
)

// trap is an INT3 in the place of a guest's byte.
type trap struct {
	at   *gdb.Breakpoint
	byte []byte // of RAM
	was  byte
}

const int3 = 0xcc

// traps are in RAM between put and take. They change only while all vCPUs stand and the machine's state is locked.
type traps []trap

// put writes the INT3s.
func (t traps) put() {
	for i := range t {
		t[i].was = t[i].byte[0]
		t[i].byte[0] = int3
	}
}

// take gives the guest its bytes back, and keeps the traps that can be put again. Two addresses may be one byte in RAM, of which the first
// trap alone knows what it was: so that comes last. What is no INT3 any more is not our own: the guest has something else there now.
func (t *traps) take() {
	var left traps
	for _, one := range slices.Backward(*t) {
		if one.byte[0] != int3 {
			continue
		}
		one.byte[0] = one.was
		left = append(left, one)
	}
	slices.Reverse(left)
	*t = left
}

// find is the breakpoint of the trap at an address; nil: there is none.
func (t traps) find(addr uint64) *gdb.Breakpoint {
	for i := range t {
		if t[i].at.Addr == addr {
			return t[i].at
		}
	}
	return nil
}

// without takes the debugger's traps out of RAM until again is called, for who reads RAM while vCPUs stand. It is called with the machine's state
// locked, also where there is no debugger.
func (d *Debugger) without() (again func()) {
	if d == nil {
		return func() {}
	}
	d.traps.take()
	return d.traps.put
}

// disarm takes the traps out of RAM for good. It is called as without is.
func (d *Debugger) disarm() {
	if d != nil {
		d.traps.take()
		d.traps = nil
	}
}
