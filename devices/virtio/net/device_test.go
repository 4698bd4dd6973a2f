package net

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"terem/devices/virtio"
	"terem/devices/virtio/virtiotest"
)

// TestFrames carries frames of all lengths both ways, with buffers of all kinds.
func TestFrames(t *testing.T) {
	for _, tt := range []struct {
		features uint64
		n, size  int // buffers
		longest  int
	}{
		{everything, 64, 1526, MaxFrame - HeaderSize},
		{everything, 20, 4096, MaxFrame - HeaderSize},
		{everything, 3, 40, 100},
		{everything &^ featureMergeable, 4, MaxFrame, MaxFrame - HeaderSize},
		{featureMAC, 2, 1526, 1514},
		{0, 1, 200, 188},
	} {
		t.Run(fmt.Sprintf("features %#x, %d of %d", tt.features, tt.n, tt.size), func(t *testing.T) {
			g := attach(t, tt.features, virtiotest.Options{})
			g.room(tt.n, tt.size)
			for i, n := range []int{14, 60, 61, 1514, 4096, 9000, 65535, tt.longest} {
				if n > tt.longest {
					continue
				}
				f := packet(n, byte(i))
				g.w.bring(f)
				same(t, "received", g.frame(), f)
				g.send(f[:3], f[3:HeaderSize+7], f[HeaderSize+7:])
				same(t, "sent", g.w.next(t), f)
			}
			c := g.d.Counters()
			want(t, "received and sent", c.Received, c.Sent)
			want(t, "dropped", c.Refused+c.Lost+c.Unwanted+c.TooLong, 0)
		})
	}
}

// TestTail: more than there is room for comes, and then nothing more. All of it must arrive.
func TestTail(t *testing.T) {
	for _, features := range []uint64{everything, everything &^ featureMergeable, 0} {
		g := attach(t, features, virtiotest.Options{QueueSize: 8})
		g.room(8, 1526)
		var all [][]byte
		for i := range 100 {
			all = append(all, packet(1000+i, byte(i)))
		}
		g.w.bring(all...)
		for i, f := range all {
			same(t, fmt.Sprintf("frame %d", i), g.frame(), f)
		}
	}
}

// TestTooLong: what fits into no buffer of the guest's is dropped, and what follows is not.
func TestTooLong(t *testing.T) {
	for _, features := range []uint64{everything, everything &^ featureMergeable} {
		g := attach(t, features, virtiotest.Options{QueueSize: 4})
		g.room(4, 500)
		short := packet(400, 1)
		g.w.bring(packet(3000, 0), short)
		same(t, "the next", g.frame(), short)
		want(t, "too long", g.d.Counters().TooLong, 1)
	}
}

// TestManyPieces: a buffer of more pieces than the host's kernel takes at once.
func TestManyPieces(t *testing.T) {
	g := attach(t, 0, virtiotest.Options{})
	sizes := make([]int, 250)
	for i := range sizes {
		sizes[i] = 3
	}
	g.rx.Submit(nil, sizes)
	g.rx.Notify()
	f := packet(600, 9)
	g.w.bring(f)
	same(t, "received", g.frame(), f)
}

// TestRefused: frames that no driver may send are dropped, and hold nothing up.
func TestRefused(t *testing.T) {
	le := binary.LittleEndian
	for _, tt := range []struct {
		what     string
		features uint64
		ok       bool
		make     func(f []byte) []byte
	}{
		{"plain", 0, true, func(f []byte) []byte { return f }},
		{"too short", everything, false, func(f []byte) []byte { return f[:HeaderSize+13] }},
		{"part of a header", everything, false, func(f []byte) []byte { return f[:5] }},
		{"too long", everything, false, func(f []byte) []byte { return append(f, make([]byte, MaxFrame)...) }},
		{"unknown flag", everything, false, func(f []byte) []byte { f[OffFlags] = 4; return f }},
		{"data valid", everything, false, func(f []byte) []byte { f[OffFlags] = 2; return f }},
		{"checksum", everything, true, func(f []byte) []byte { f[OffFlags] = 1; le.PutUint16(f[OffChecksumStart:], 34); return f }},
		{"checksum, not negotiated", everything &^ featureChecksum, false, func(f []byte) []byte { f[OffFlags] = 1; return f }},
		{"checksum at the end", everything, true, func(f []byte) []byte { f[OffFlags] = 1; le.PutUint16(f[OffChecksumStart:], 98); return f }},
		{"checksum behind the end", everything, false, func(f []byte) []byte { f[OffFlags] = 1; le.PutUint16(f[OffChecksumStart:], 99); return f }},
		{"checksum overflow", everything, false, func(f []byte) []byte {
			f[OffFlags] = 1
			le.PutUint16(f[OffChecksumStart:], 0xffff)
			le.PutUint16(f[OffChecksumOffset:], 0xffff)
			return f
		}},
		{"TSO", everything, true, func(f []byte) []byte { f[OffFlags], f[OffGSOType], f[OffGSOSize] = 1, 1, 100; return f }},
		{"TSO 6", everything, true, func(f []byte) []byte { f[OffFlags], f[OffGSOType], f[OffGSOSize] = 1, 4, 100; return f }},
		{"TSO of nothing", everything, false, func(f []byte) []byte { f[OffFlags], f[OffGSOType] = 1, 1; return f }},
		{"TSO without checksum", everything, false, func(f []byte) []byte { f[OffGSOType], f[OffGSOSize] = 1, 100; return f }},
		{"TSO, not negotiated", everything &^ featureHostTSO4, false, func(f []byte) []byte { f[OffFlags], f[OffGSOType], f[OffGSOSize] = 1, 1, 100; return f }},
		{"UFO", everything, false, func(f []byte) []byte { f[OffFlags], f[OffGSOType], f[OffGSOSize] = 1, 3, 100; return f }},
		{"ECN", everything, false, func(f []byte) []byte { f[OffFlags], f[OffGSOType], f[OffGSOSize] = 1, 0x81, 100; return f }},
	} {
		g := attach(t, tt.features, virtiotest.Options{})
		f := tt.make(packet(100, 1))
		g.send(f)
		end := packet(77, 2)
		g.send(end)
		if tt.ok {
			same(t, tt.what, g.w.next(t), f)
		}
		same(t, tt.what, g.w.next(t), end)
		want(t, tt.what+": refused", g.d.Counters().Refused == 0, tt.ok)
	}
}

// TestBackendWaits: a backend that takes nothing holds the guest up; a pause does not wait for it, and loses nothing.
func TestBackendWaits(t *testing.T) {
	g := attach(t, everything, virtiotest.Options{})
	g.w.locked(func() { g.w.full = true })
	f := packet(60, 1)
	g.tx.Submit([][]byte{f}, nil)
	g.tx.Notify()
	g.MMIO.Pause()
	if _, used := g.tx.Used(); used {
		t.Error("a frame that was not sent has been given back")
	}
	g.MMIO.Resume()
	g.w.locked(func() { g.w.full = false })
	same(t, "after the pause", g.w.next(t), f)
	g.tx.WaitUsed(virtiotest.Timeout)
}

// TestLinkDown: the backend is gone. The guest sees that, sends into nothing, and nobody is busy.
func TestLinkDown(t *testing.T) {
	w, told := newWire(), make(chan error, 2)
	var g *guest
	d, err := New(Config{Backend: w, MAC: testMAC, Down: func(err error) { g.MMIO.ConfigChanged(); told <- err }})
	if err != nil {
		t.Fatal(err)
	}
	g = &guest{Guest: virtiotest.New(t, d, virtiotest.Options{}), t: t, d: d, w: w}
	g.up(everything)
	want(t, "link", g.Config(offStatus, 1)[0], 1)
	g.room(2, 1526)
	w.locked(func() { w.err = errGone })
	want(t, "error", <-told, errGone)
	want(t, "link", g.Config(offStatus, 1)[0], 0)
	for range 300 {
		g.send(packet(60, 0))
	}
	want(t, "lost", d.Counters().Lost, 300)
	g.MMIO.Pause()
	g.MMIO.Resume()
	g.send(packet(60, 0))
	want(t, "told again", len(told), 0)
}

// TestLossy: an interface that is down loses frames, and is none the worse for it.
func TestLossy(t *testing.T) {
	g := attach(t, everything, virtiotest.Options{})
	g.w.locked(func() { g.w.err = ErrDropped })
	g.send(packet(60, 0))
	want(t, "lost", g.d.Counters().Lost, 1)
	g.w.locked(func() { g.w.err = nil })
	g.send(packet(60, 0))
	g.w.next(t)
	want(t, "link", g.Config(offStatus, 1)[0], 1)
}

func TestConfig(t *testing.T) {
	g := attach(t, everything, virtiotest.Options{})
	want(t, "MAC", [6]byte(g.Config(offMAC, 6)), testMAC)
	want(t, "MTU", binary.LittleEndian.Uint16(g.Config(offMTU, 2)), 1500)
	for what, c := range map[string]Config{
		"no backend": {MAC: testMAC},
		"multicast":  {Backend: g.w, MAC: [6]byte{1, 2, 3}},
		"no MAC":     {Backend: g.w},
		"too small":  {Backend: g.w, MAC: testMAC, MTU: 1279},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// TestClosed: the backend is the device's to close.
func TestClosed(t *testing.T) {
	g := attach(t, everything, virtiotest.Options{})
	g.room(4, 1526)
	g.Close()
	g.w.locked(func() { want(t, "closed", g.w.closed, true) })
}

func TestPcap(t *testing.T) {
	var file bytes.Buffer
	p, err := NewPcap(&file, virtiotestNow, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	w := newWire()
	d, err := New(Config{Backend: w, MAC: testMAC, Dump: p.Frame})
	if err != nil {
		t.Fatal(err)
	}
	g := &guest{Guest: virtiotest.New(t, d, virtiotest.Options{}), t: t, d: d, w: w}
	g.up(virtio.FeatureEventIdx)
	g.room(1, 1526)
	in, out := packet(60, 1), packet(61, 2)
	w.bring(in)
	g.frame()
	g.send(out)
	b := file.Bytes()
	le := binary.LittleEndian
	want(t, "length", len(b), pcapHeader+2*pcapRecord+60+61)
	want(t, "magic", le.Uint32(b), pcapMagic)
	want(t, "seconds", le.Uint32(b[pcapHeader:]), 1000)
	want(t, "microseconds", le.Uint32(b[pcapHeader+4:]), 7)
	if first := b[pcapHeader+pcapRecord:][:60]; !bytes.Equal(first, in[HeaderSize:]) {
		t.Error("the first frame is not what was received")
	}
	if second := b[pcapHeader+2*pcapRecord+60:]; !bytes.Equal(second, out[HeaderSize:]) {
		t.Error("the second frame is not what was sent")
	}
}
