package fs

// State is empty: what a driver can change is the server's, which holds the files that the guest has open, and what the
// transport keeps. A machine with such a device is not saved (internal/vm/machine).
type State struct{}

// Save returns the state.
func (d *Device) Save() State { return State{} }

// Restore replaces the state by s.
func (d *Device) Restore(State) {}
