package balloon

// State is what a driver and the host can change in a balloon, save for the queues and the
// negotiated features, which the transport keeps. What is in the balloon is the guest's to know.
type State struct {
	Target uint32 // num_pages, in pages of 4 KiB
	Actual uint32 // actual, in pages of 4 KiB
	Poison uint32 // poison_val
}

// Save returns a copy of the state.
func (b *Balloon) Save() State {
	return State{Target: b.get(offTarget), Actual: b.get(offActual), Poison: b.get(offPoison)}
}

// Restore replaces the state by s, before the transport's is restored. The target cannot be more
// than the guest has.
func (b *Balloon) Restore(s State) {
	b.set(offTarget, min(s.Target, uint32(b.most()/pageSize)))
	b.set(offActual, s.Actual)
	b.set(offPoison, s.Poison)
}
