// Package memory is the guest's RAM: a handful of host mappings, the guest-physical addresses at
// which they appear, and bounds-checked ways to reach the bytes.
//
// The bytes belong to the guest, which may change them at any moment, from another thread, while
// they are being read. So a caller reads each field once into a local variable, checks the local,
// and uses the local; and nobody reaches guest RAM other than through Guest.Slice and the helpers
// built on it. A request that leaves RAM is a *RangeError, never a panic: every address and length
// may have been chosen by a hostile guest.
//
// Each region has an inaccessible page on both sides, so that an error in the host's own
// arithmetic faults at once instead of reading or writing a neighbour.
//
// Read layout.go first: it is the map of every guest-physical address, port and interrupt line
// that the house gives a meaning to. Then guest.go, which creates and checks; access.go holds the
// typed loads and stores, discard.go gives pages back to the host, file.go makes RAM of a file, and
// layers.go of several; looker.go tells pages that need not be looked at, and changed.go those that the guest has of its own.
package memory
