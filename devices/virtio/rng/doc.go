// Package rng is a virtio entropy device: random bytes of the host for the guest.
//
// The specification is virtio 1.2 section 5.4; its section numbers are cited below. The device has
// ID 4, no features (section 5.4.3) and no configuration space (section 5.4.4).
//
//	queue  name      a request                              answer
//	-----  --------  -------------------------------------  ---------------------------------
//	0      requestq  buffers for the device to fill         random bytes, and how many they are
//
// The bytes come from getrandom(2) and go straight into the driver's buffers. A driver must offer no
// buffers for the device to read (section 5.4.6.1); these are ignored.
//
// # The budget
//
// Random bytes cost the host CPU time, so a guest has a budget of them: a bucket of Config.Burst
// bytes that fills up at Config.Rate bytes a second (bucket.go). The device may use less of a
// buffer than there is, but not nothing (section 5.4.6.2), so a request is answered with Burst
// bytes at the most, and waits until the bucket has them. It is never refused. What a guest asks
// for beyond the budget, it waits for, and the host does nothing in the meantime.
//
// A reset of the device does not fill the bucket.
//
// Read device.go first.
package rng
