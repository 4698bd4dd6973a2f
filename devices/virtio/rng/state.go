package rng

import "time"

// State is what a guest can change in an entropy device, save for the queue, which the transport
// keeps. Random bytes are not part of it: two guests from one snapshot get different ones.
type State struct {
	Missing time.Duration // in which the bucket would have been full
}

// Save returns the state of this moment.
func (d *Device) Save() State { return State{Missing: d.bucket.missing()} }

// Restore replaces the state by s, before the transport's is restored. The bucket cannot be
// emptier than empty.
func (d *Device) Restore(s State) { d.bucket.lack(s.Missing) }
