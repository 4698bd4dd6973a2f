package net

import (
	"encoding/binary"
	"testing"

	"terem/devices/virtio"
	"terem/devices/virtio/virtiotest"
)

// FuzzRings is a device from the register file inwards: RAM that begins as ram, a driver that has come as far as stage, and what
// it then does, while frames come. See virtiotest.Guest.Script.
func FuzzRings(f *testing.F) {
	f.Add(byte(15), []byte{0xff, 1, 0, 0, 0xf8, 0, 0, 0, 0xff, 0, 0, 0, 0xf4, 0, 60, 0, 0xf8, 0, 0, 0}, ring())
	f.Add(byte(15|64), []byte{0xff, 0, 0, 0, 0xf4, 1, 60, 0, 0xf1, 0, 0, 0, 0xf2, 0, 0, 0, 0xf7, 0, 0, 0}, ring())
	f.Add(byte(15|128), []byte{0xff, 2, 0, 0, 0xf4, 2, 255, 255, 0xff, 1, 0, 0, 4, 0x70, 0, 0}, ring())
	f.Fuzz(func(t *testing.T, stage byte, ops, ram []byte) {
		if len(ops) > 1<<10 {
			return
		}
		w := newWire()
		d, err := New(Config{Backend: w, MAC: testMAC})
		if err != nil {
			t.Fatal(err)
		}
		g := &guest{Guest: virtiotest.New(t, d, virtiotest.Options{RAM: virtiotest.ScriptRAM, Base: virtiotest.ScriptBase, QueueSize: 16, Page: true}), t: t, d: d, w: w}
		defer g.Close()
		copy(g.RAM, ram)
		features := offered
		if stage&64 != 0 {
			features |= virtio.FeatureEventIdx | virtio.FeatureIndirectDesc
		}
		if stage&128 != 0 {
			features &^= featureMergeable
		}
		g.Start(stage, features)
		frames := 0
		g.Script(ops, func(b, c, e byte) {
			switch {
			case b&3 == 3:
				d.Restore(d.Save())
			case frames < 64:
				frames++
				w.bring(packet(int(c)<<(b&7)|int(e), e))
			}
		})
		w.locked(func() { w.coming = nil })
		g.up(offered) // whatever was done, a reset mends it
		g.room(2, 1526)
		in := packet(60, 5)
		w.bring(in)
		same(t, "in the end", g.frame(), in)
		for len(w.sent) > 0 {
			<-w.sent
		}
		g.send(in)
		same(t, "in the end", w.next(t), in)
	})
}

// ring is RAM with a buffer on the first queue, a frame on the second and a command on the third.
func ring() []byte {
	ram := make([]byte, 0x3100)
	le := binary.LittleEndian
	desc := func(at int, addr uint64, n uint32, flags, next uint16) {
		le.PutUint64(ram[at:], uint64(virtiotest.ScriptBase)+addr)
		le.PutUint32(ram[at+8:], n)
		le.PutUint16(ram[at+12:], flags)
		le.PutUint16(ram[at+14:], next)
	}
	desc(0, 0x2000, 0x600, virtiotest.DescWrite, 0)
	desc(0x400, 0x3000, 100, 0, 0)
	desc(0x800, 0x3080, 3, virtiotest.DescNext, 1)
	desc(0x810, 0x3090, 1, virtiotest.DescWrite, 0)
	copy(ram[0x3080:], []byte{classRX, rxPromiscuous, 1})
	return ram
}
