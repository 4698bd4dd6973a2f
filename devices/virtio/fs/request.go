package fs

import (
	"encoding/binary"
	"errors"

	"terem/devices/virtio"
)

const (
	headerSize = 40 // struct fuse_in_header
	answerSize = 16 // struct fuse_out_header

	offUnique = 8 // in both
)

// What the device says itself, as negative errnos.
const (
	errTooLong = -90  // EMSGSIZE
	errNoOne   = -107 // ENOTCONN
)

// errShort is a request that cannot be one.
var errShort = errors.New("FUSE request without a whole header")

// request is one request of a driver. Whoever has it in hand owns it.
type request struct {
	chain virtio.Chain
	queue *virtio.Queue
}

// answer carries a request out and gives the length of its answer. The error is for one that cannot be answered.
func (d *Device) answer(r *request) (n uint32, err error) {
	c := &r.chain
	if c.ReadLen() < headerSize {
		return 0, errShort
	}
	if c.ReadLen() > MaxRequest {
		return refuse(c, errTooLong), nil
	}
	out := shorten(c.Write, c.WriteLen(), MaxAnswer)
	d.asked.Store(true)
	got, err := d.c.Server.Serve(c.Read, out)
	if err != nil {
		return refuse(c, errNoOne), nil
	}
	return uint32(max(0, min(got, MaxAnswer))), nil
}

// refuse answers a request with an error, if there is room for that.
func refuse(c *virtio.Chain, errno int32) uint32 {
	if c.WriteLen() < answerSize {
		return 0
	}
	var header [headerSize]byte
	gather(header[:], c.Read)
	var answer [answerSize]byte
	binary.LittleEndian.PutUint32(answer[0:], answerSize)
	binary.LittleEndian.PutUint32(answer[4:], uint32(errno))
	copy(answer[offUnique:], header[offUnique:offUnique+8])
	scatter(c.Write, answer[:])
	return answerSize
}

// shorten cuts buffers of n bytes to at most so many.
func shorten(bufs [][]byte, n, most uint64) [][]byte {
	for last := len(bufs) - 1; n > most; last-- {
		if over := n - most; over < uint64(len(bufs[last])) {
			bufs[last] = bufs[last][:uint64(len(bufs[last]))-over]
			return bufs
		}
		n -= uint64(len(bufs[last]))
		bufs = bufs[:last]
	}
	return bufs
}

// gather fills to from the beginning of buffers.
func gather(to []byte, from [][]byte) {
	for _, b := range from {
		to = to[copy(to, b):]
	}
}

// scatter writes from to the beginning of buffers.
func scatter(to [][]byte, from []byte) {
	for _, b := range to {
		from = from[copy(b, from):]
	}
}
