package vsock

// State is what outlives a snapshot: no connection does. The queues and the negotiated features, the
// transport keeps.
type State struct {
	LastPort uint32 // of the host, that was used for a connection: the guest may still know of it
	Said     bool   // TRANSPORT_RESET is in the guest's queue, and it has not dealt with it yet
	Offered  uint16 // if so: how many buffers for events it had offered before
}

// Save returns a copy of the state.
func (d *Device) Save() State {
	d.mu.Lock()
	defer d.mu.Unlock()
	return State{LastPort: d.lastPort, Said: d.said, Offered: d.offered}
}

// Restore replaces the state by s, before the transport's is restored. All connections end, and a
// driver that is up is told so, by TRANSPORT_RESET, as soon as the device is active; unless it has that from another restore still before
// it.
func (d *Device) Restore(s State) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.forget()
	d.owed, d.said, d.offered = true, s.Said, s.Offered
	d.lastPort = s.LastPort // nextPort looks at it
}
