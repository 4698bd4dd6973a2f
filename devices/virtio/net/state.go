package net

// State is what a driver has set in a network card. The queues and the negotiated features, the transport keeps; the
// link is another one after a restore.
type State struct {
	Filter   Filter
	Offloads uint64 // bits as CTRL_GUEST_OFFLOADS has them
	Switched bool   // the driver has changed them since it negotiated features
}

// Save returns a copy of the state.
func (d *Device) Save() State {
	d.mu.Lock()
	defer d.mu.Unlock()
	return State{Filter: *d.filter.Load(), Offloads: d.offloads, Switched: d.switched}
}

// Restore replaces the state by s, before the transport's is restored. A filter that no driver could have set is
// replaced by one that lets all through.
func (d *Device) Restore(s State) {
	if !s.Filter.valid() {
		s.Filter = Filter{MAC: s.Filter.MAC, Promiscuous: true}
	}
	d.filter.Store(&s.Filter)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.offloads, d.switched = s.Offloads&offloadBits, s.Switched
}
