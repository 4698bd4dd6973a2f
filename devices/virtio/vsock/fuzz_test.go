package vsock

import (
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"terem/devices/virtio"
	"terem/devices/virtio/virtiotest"
)

// deaf is a host's end that says nothing until it is closed, and takes a little at a time.
type deaf struct{ closed chan struct{} }

func newDeaf() *deaf { return &deaf{make(chan struct{})} }

func (d *deaf) Read([]byte) (int, error)    { <-d.closed; return 0, io.EOF }
func (d *deaf) Write(p []byte) (int, error) { return len(p), nil }
func (d *deaf) CloseWrite() error           { return nil }
func (d *deaf) CloseRead() error            { return nil }
func (d *deaf) AwaitHangup()                { <-d.closed }
func (d *deaf) Close() error                { close(d.closed); return nil } // twice would panic

func (d *deaf) TryWrite(p [][]byte) (int, error) {
	n := 0
	for _, b := range p {
		n += len(b)
	}
	if n > 5 {
		return 5, nil
	}
	return n, nil
}

// talker is one that says something and then no more.
type talker struct {
	*deaf
	left int
}

func (t *talker) Read(p []byte) (int, error) {
	if t.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, "something to say"[:min(t.left, 16)])
	t.left -= n
	return n, nil
}

// FuzzPackets has connections, and a guest that says what it likes on them: each packet is an op, which of four pairs of ports, and
// the header's numbers.
func FuzzPackets(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 0, 5, 0, 9, 0, 0, 4, 0, 0, 3, 0})
	f.Add([]byte{2, 4, 0, 0, 0, 5, 4, 255, 0, 0, 4, 4, 0, 2, 0, 3, 4, 0, 0, 0})
	f.Add([]byte{1, 1, 0, 0, 0, 5, 1, 200, 0, 1, 7, 1, 0, 0, 0, 6, 1, 0, 255, 255, 4, 1, 0, 1, 0, 4, 1, 0, 2, 0})
	f.Fuzz(packets)
}

func packets(t *testing.T, ops []byte) {
	if len(ops) > 500 {
		return
	}
	d, err := New(Config{CID: guestCID, Dial: dialFuzz})
	if err != nil {
		t.Fatal(err)
	}
	g := boot(t, d, virtiotest.Options{RAM: 128 << 10})
	g.up(4, 100)
	for range 2 {
		s := &talker{newDeaf(), 40}
		go func() { _, _ = g.d.Connect(t.Context(), 2, s) }()
	}
	for ; len(ops) >= 5; ops = ops[5:] {
		op, which, n, flags, fwd := ops[0], ops[1], ops[2], ops[3], ops[4]
		h := from(uint32(which&3), uint32(which>>4&3), uint16(op))
		if which&4 != 0 { // one that the host has called
			h.srcPort, h.dstPort = 2, firstHostPort+uint32(which>>3&1)
		}
		h.flags, h.fwdCnt, h.bufAlloc = uint32(flags), uint32(int32(int8(fwd))), uint32(flags)<<(fwd%25)
		if op >= 0xf0 {
			h.op, h.srcCID, h.kind = uint16(op&7), uint64(which), uint16(flags)
		}
		h.len = uint32(n)
		data := make([]byte, n)
		if fwd == 7 {
			h.len = -h.len
		}
		g.raw(h, data)
		for len(g.rxWaiting()) > 0 && op != 0xee {
			g.packet()
		}
	}
	g.Reset()
	eventually(t, func() bool { return g.connections() == 0 })
	g.d.locked(func() {
		if g.d.large != 0 || len(g.d.conns) != 0 || g.d.first != nil {
			t.Errorf("%d large buffers, %d connections in the table, %p first in the list", g.d.large, len(g.d.conns), g.d.first)
		}
	})
	g.Recycle()
	g.up(4, 100)
	g.works()
}

// works has the guest call the host. Somebody may call the guest as well.
func (g *guest) works() {
	g.t.Helper()
	g.send(from(1, 1, opRequest), nil)
	for {
		h, _ := g.packet()
		if h.op == opResponse {
			return
		}
		if h.op != opRequest {
			g.t.Fatalf("packet %+v in the end", h)
		}
	}
}

func dialFuzz(port uint32) (Stream, error) {
	switch port {
	case 0:
		return nil, errors.New("nobody")
	case 1:
		return newDeaf(), nil
	case 2:
		return &talker{newDeaf(), 1000}, nil
	}
	return &talker{newDeaf(), 0}, nil
}

// FuzzRings is a device from the register file inwards: RAM that begins as ram, a driver that has come as far as stage, and what
// it then does. See virtiotest.Guest.Script.
func FuzzRings(f *testing.F) {
	f.Add(byte(15), []byte{0xff, 1, 0, 0, 0xf8, 0, 0, 0, 0xff, 0, 0, 0}, ring(opRequest))
	f.Add(byte(15|64), []byte{0xff, 0, 0, 0, 0xff, 1, 0, 0, 0xf1, 0, 0, 0, 0xf2, 0, 0, 0, 0xf7, 0, 0, 0}, ring(opRW))
	f.Add(byte(15|128), []byte{0xf4, 0, 0, 0, 0xff, 2, 0, 0, 4, 0x70, 0, 0}, ring(opShutdown))
	f.Fuzz(func(t *testing.T, stage byte, ops, ram []byte) {
		if len(ops) > 1<<10 {
			return
		}
		d, err := New(Config{CID: guestCID, Dial: dialFuzz})
		if err != nil {
			t.Fatal(err)
		}
		g := boot(t, d, virtiotest.Options{RAM: virtiotest.ScriptRAM, Base: virtiotest.ScriptBase, Page: true})
		defer g.Close()
		copy(g.RAM, ram)
		var features uint64
		if stage&64 != 0 {
			features = virtio.FeatureEventIdx | virtio.FeatureIndirectDesc
		}
		g.Start(stage, features)
		calls := 0
		g.Script(ops, func(b, _, _ byte) {
			switch {
			case b&1 == 0:
				d.Restore(d.Save())
			case calls < 4:
				calls++
				go func() { _, _ = d.Connect(t.Context(), 2, newDeaf()) }()
			}
		})
		g.up(2, 100) // whatever was done, a reset mends it
		g.works()
	})
}

// ring is RAM with a buffer for packets on the first queue, and a packet on the second.
func ring(op uint16) []byte {
	ram := make([]byte, 0x3100)
	le := binary.LittleEndian
	le.PutUint64(ram, uint64(virtiotest.ScriptBase)+0x2000)
	le.PutUint64(ram[8:], 0x100|2<<32)
	le.PutUint64(ram[0x400:], uint64(virtiotest.ScriptBase)+0x3000)
	le.PutUint64(ram[0x408:], 60)
	h := from(1, 1, op)
	h.len = 16
	h.put((*[headerSize]byte)(ram[0x3000:]))
	return ram
}
