package blk

// State is what a driver can change in a disk, save for the disk's contents, and for the queues and
// the negotiated features, which the transport keeps.
type State struct {
	Writeback bool // the configuration field of that name
}

// Save returns a copy of the state.
func (d *Disk) Save() State { return State{Writeback: d.writeback.Load()} }

// Restore replaces the state by s, before the transport's is restored. That brings the negotiated features,
// unless it was saved before there were any. A disk without a write cache stays without.
func (d *Disk) Restore(s State) {
	d.features.Store(0)
	d.writeback.Store(s.Writeback && d.offered&featureConfigWCE != 0)
}
