package blk

import (
	"encoding/binary"
	"errors"

	"terem/devices/virtio"
)

// Request types, section 5.2.6. All others are answered with statusUnsupported.
const (
	typeIn          = 0
	typeOut         = 1
	typeFlush       = 4
	typeGetID       = 8
	typeDiscard     = 11
	typeWriteZeroes = 13
)

// Values of the status byte.
const (
	statusOK          = 0
	statusIOErr       = 1
	statusUnsupported = 2
)

const (
	headerSize  = 16
	segmentSize = 16

	// flagUnmap in a segment of WRITE_ZEROES lets the device deallocate the range. All other flags
	// are reserved, and for DISCARD this one too.
	flagUnmap = 1
)

// errNoStatus is a request that cannot be answered.
var errNoStatus = errors.New("block request without room for its status")

// request is one request of a driver, taken from a chain. A lane owns it and uses it again and
// again; what is below chain is valid from parse to answer.
type request struct {
	lane  *lane
	chain virtio.Chain

	kind    uint32
	through bool     // the write must be stable before it completes
	off     int64    // IN and OUT: where on the disk, in bytes
	size    int64    // IN and OUT: how many bytes
	data    [][]byte // the buffers between header and status
	status  []byte   // one byte of guest RAM

	segments [maxSegments]segment // DISCARD and WRITE_ZEROES: the first count
	count    int

	next *request // in the same run, or nil
}

// segment is a range of the disk in bytes.
type segment struct {
	off, n int64
	unmap  bool
}

// parse takes the request out of r.chain and checks all of it, touching nothing else. The status
// is statusOK if it may be carried out, and otherwise the answer. The error is for one that cannot
// be answered.
func (d *Disk) parse(r *request) (status byte, err error) {
	r.next, r.through, r.count = nil, d.writethrough(), 0
	out, in := r.chain.Read, r.chain.Write
	last := len(in) - 1
	if last < 0 {
		return 0, errNoStatus
	}
	n := len(in[last]) - 1
	r.status = in[last][n:]
	if in[last] = in[last][:n]; n == 0 {
		in = in[:last]
	}
	var header [headerSize]byte
	out, ok := take(out, header[:])
	if !ok {
		return statusIOErr, nil
	}
	r.kind = binary.LittleEndian.Uint32(header[0:])
	sector := binary.LittleEndian.Uint64(header[8:])
	r.data = out
	switch r.kind {
	case typeIn:
		r.data = in
		return d.checkTransfer(r, sector, r.chain.WriteLen()-1), nil
	case typeOut:
		if d.c.ReadOnly {
			return statusIOErr, nil
		}
		return d.checkTransfer(r, sector, r.chain.ReadLen()-headerSize), nil
	case typeGetID:
		r.data = in
		return statusOK, nil
	case typeFlush:
		return statusOK, nil
	case typeDiscard, typeWriteZeroes:
		return d.checkSegments(r), nil
	}
	return statusUnsupported, nil
}

// take moves the first len(p) bytes of bufs to p and returns what is left of bufs, which it
// changes. It is false if there are not as many.
func take(bufs [][]byte, p []byte) ([][]byte, bool) {
	for len(p) > 0 {
		if len(bufs) == 0 {
			return nil, false
		}
		n := copy(p, bufs[0])
		p = p[n:]
		if bufs[0] = bufs[0][n:]; len(bufs[0]) == 0 {
			bufs = bufs[1:]
		}
	}
	return bufs, true
}

// checkTransfer fills in the place of an IN or OUT of n bytes, n at most 2^32.
func (d *Disk) checkTransfer(r *request, sector, n uint64) byte {
	off, ok := d.locate(sector, n)
	if !ok {
		return statusIOErr
	}
	r.off, r.size = off, int64(n)
	return statusOK
}

// locate says where n bytes from a sector on are, if they are whole blocks of the disk.
func (d *Disk) locate(sector, n uint64) (off int64, ok bool) {
	size, block := uint64(d.size), uint64(d.c.BlockSize)
	if sector > size/sectorSize || n > size-sector*sectorSize {
		return 0, false
	}
	at := sector * sectorSize
	return int64(at), (at|n)%block == 0
}

// checkSegments copies the segments of a DISCARD or WRITE_ZEROES and checks them, all before
// the first is acted on. Each is, in 16 bytes, {sector u64, sectors u32, flags u32}.
func (d *Disk) checkSegments(r *request) byte {
	if d.offered&(featureDiscard|featureWriteZeroes)&featureOf(r.kind) == 0 {
		if d.c.ReadOnly {
			return statusIOErr
		}
		return statusUnsupported
	}
	n := r.chain.ReadLen() - headerSize
	if n == 0 || n%segmentSize != 0 || n/segmentSize > maxSegments {
		return statusIOErr
	}
	r.count = int(n / segmentSize)
	for i := range r.count {
		var b [segmentSize]byte
		r.data, _ = take(r.data, b[:])
		sectors, flags := binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:])
		if flags&^flagUnmap != 0 || flags != 0 && r.kind == typeDiscard {
			return statusUnsupported
		}
		off, ok := d.locate(binary.LittleEndian.Uint64(b[0:]), uint64(sectors)*sectorSize)
		if !ok || sectors > maxRange {
			return statusIOErr
		}
		r.segments[i] = segment{off: off, n: int64(sectors) * sectorSize, unmap: flags != 0 && d.c.Discard}
	}
	return statusOK
}

// featureOf is the feature without which a request type is not known.
func featureOf(kind uint32) uint64 {
	if kind == typeDiscard {
		return featureDiscard
	}
	return featureWriteZeroes
}
