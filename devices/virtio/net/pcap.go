package net

import (
	"encoding/binary"
	"io"
	"sync"
	"time"
)

// The numbers of a pcap file (https://www.tcpdump.org/manpages/pcap-savefile.5.html), little-endian. Its header is
//
//	off  bytes  field     value
//	---  -----  --------  -----------------------------------
//	 0   4      magic     times are in microseconds
//	 4   2, 2   version   2.4
//	 8   8      reserved
//	16   4      snaplen   the most bytes of a frame
//	20   4      linktype  Ethernet
//
// and before each frame are seconds, microseconds, and twice its length, each in 4 bytes.
const (
	pcapMagic    = 0xa1b2c3d4
	pcapMajor    = 2
	pcapMinor    = 4
	pcapEthernet = 1
	pcapHeader   = 24
	pcapRecord   = 16
)

// Pcap writes frames into a pcap file, for tcpdump and Wireshark. Those that leave work to the other side look as they
// go past: longer than the MTU, and with a checksum that is not complete.
type Pcap struct {
	now    func() time.Time
	failed func(error)

	mu     sync.Mutex
	w      io.Writer // nil: it has failed
	record []byte
}

// NewPcap begins a file. What fails later is told to failed, once, and ends the file.
func NewPcap(w io.Writer, now func() time.Time, failed func(error)) (*Pcap, error) {
	le := binary.LittleEndian
	h := le.AppendUint32(nil, pcapMagic)
	h = le.AppendUint16(le.AppendUint16(h, pcapMajor), pcapMinor)
	h = le.AppendUint32(append(h, make([]byte, 8)...), MaxFrame)
	if _, err := w.Write(le.AppendUint32(h, pcapEthernet)); err != nil {
		return nil, err
	}
	return &Pcap{now: now, failed: failed, w: w}, nil
}

// Frame writes a frame, for [Config].Dump. A guest may change it meanwhile.
func (p *Pcap) Frame(frame [][]byte) {
	n := 0
	for _, b := range frame {
		n += len(b)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.w == nil {
		return
	}
	now := p.now()
	le := binary.LittleEndian
	r := le.AppendUint32(p.record[:0], uint32(now.Unix()))
	r = le.AppendUint32(r, uint32(now.Nanosecond()/1000))
	r = le.AppendUint32(le.AppendUint32(r, uint32(n)), uint32(n))
	for _, b := range frame {
		r = append(r, b...)
	}
	p.record = r
	if _, err := p.w.Write(r); err != nil {
		p.w = nil
		p.failed(err)
	}
}
