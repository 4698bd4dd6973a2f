package net

import "slices"

// maxAddresses is how many addresses of a kind a filter has. A driver with more gets all frames of that kind: the
// device may let more through than it was asked to (section 5.1.6.5.1).
const maxAddresses = 64

// Filter says which frames are for the guest: section 5.1.6.5.1. It does not change: the driver's next command makes a new one.
type Filter struct {
	MAC                    [6]byte
	Promiscuous            bool // all of them
	AllMulticast           bool // all that are for many
	Unicast, Multicast     [][6]byte
	ManyUnicast, ManyMulti bool // more addresses than are kept
}

// wants says whether the guest wants a frame for that address.
func (f *Filter) wants(to [6]byte) bool {
	switch {
	case f.Promiscuous, to == f.MAC, to == [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}:
		return true
	case to[0]&1 != 0:
		return f.AllMulticast || f.ManyMulti || slices.Contains(f.Multicast, to)
	}
	return f.ManyUnicast || slices.Contains(f.Unicast, to)
}

// valid says whether a driver could have brought the filter about.
func (f *Filter) valid() bool {
	return len(f.Unicast) <= maxAddresses && len(f.Multicast) <= maxAddresses
}
