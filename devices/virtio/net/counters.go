package net

import "sync/atomic"

// Counters is what has gone through a device since it was made.
type Counters struct {
	Sent, SentBytes         uint64 // by the guest, without headers
	Received, ReceivedBytes uint64
	Refused                 uint64 // sent by the guest, and against a rule
	Lost                    uint64 // sent by the guest, and not taken by the backend
	Unwanted                uint64 // not for the guest, by its receive modes
	TooLong                 uint64 // for any of the guest's buffers
}

type counters struct {
	sent, sentBytes, received, receivedBytes, refused, lost, unwanted, tooLong atomic.Uint64
}

// Counters may be asked for at any time.
func (d *Device) Counters() Counters {
	c := &d.counters
	return Counters{
		Sent: c.sent.Load(), SentBytes: c.sentBytes.Load(), Received: c.received.Load(), ReceivedBytes: c.receivedBytes.Load(),
		Refused: c.refused.Load(), Lost: c.lost.Load(), Unwanted: c.unwanted.Load(), TooLong: c.tooLong.Load(),
	}
}
