package fs

import (
	"encoding/binary"
	"testing"

	"terem/devices/virtio"
	"terem/devices/virtio/virtiotest"
)

// FuzzFS is a device from the register file inwards: RAM that begins as ram, a driver that has come as far as
// stage, and what it then does. See virtiotest.Guest.Script.
func FuzzFS(f *testing.F) {
	f.Add(byte(15), []byte{0xff, 0, 0, 0, 0xf8, 0, 0, 0}, ring(0x3000, 64, 2))
	f.Add(byte(15|64), []byte{0xf0, 0, 0, 0, 0xf1, 0, 0, 0, 0xf2, 0, 0, 0, 0xf7, 0, 0, 0}, ring(0x3000, 0x1000, 0))
	f.Add(byte(15|128), []byte{0xff, 0, 1, 0, 0xff, 0, 0, 0, 4, 0x70, 0, 0}, ring(0, 0x4000, 0))
	f.Add(byte(3), []byte{4, 0x70, 0, 11, 4, 0x70, 0, 15, 0xf0, 0, 0, 0}, ring(0x3000, 40, 0))
	f.Fuzz(func(t *testing.T, stage byte, ops, ram []byte) {
		if len(ops) > 1<<10 {
			return
		}
		e := newEcho()
		e.hold = nil // nobody waits
		e.dead = stage&128 != 0
		d, err := New(Config{Server: e, Tag: "share0"})
		if err != nil {
			t.Fatal(err)
		}
		g := virtiotest.New(t, d, virtiotest.Options{RAM: virtiotest.ScriptRAM, Base: virtiotest.ScriptBase, QueueSize: 16, Page: true})
		defer g.Close()
		copy(g.RAM, ram)
		var features uint64
		if stage&64 != 0 {
			features = virtio.FeatureEventIdx | virtio.FeatureIndirectDesc
		}
		g.Start(stage, features)
		g.Script(ops, func(_, _, _ byte) { d.Restore(d.Save()) })
		g.Recycle()
		g.Init(0) // whatever was done, a reset mends it
		if n, _ := g.Queue(1).Do([][]byte{message(echoOp, 1, 0)}, []int{64}); n == 0 {
			t.Error("no answer in the end")
		}
	})
}

// ring is RAM with one request at descriptor 0, of n bytes at off, which is available.
func ring(off, n uint64, flags uint64) []byte {
	ram := make([]byte, 0x400)
	le := binary.LittleEndian
	le.PutUint64(ram, uint64(virtiotest.ScriptBase)+off)
	le.PutUint64(ram[8:], n|flags<<32)
	le.PutUint16(ram[0x102:], 1)
	return ram
}
