package virtiotest

import (
	"encoding/binary"
	"runtime"

	"terem/devices/virtio"
	"terem/memory"
)

// ScriptRAM and ScriptBase are the Options of a guest for Script: little RAM, so that random
// addresses meet it.
const (
	ScriptRAM  = 4 * memory.PageSize
	ScriptBase = memory.Addr(0x10000)

	scriptRing = 0x400 // bytes for the rings of one queue
)

// Start brings a device up as far as the low bits of stage say, a value of Status, with the given
// features. Queue i has 8 entries and its parts at ScriptBase + i*0x400: the descriptor table,
// the available ring 0x100 after that, the used ring 0x200. RAM is left as it is: what is in it has
// been offered already. Nothing is checked; see Script.
func (g *Guest) Start(stage byte, features uint64) {
	for _, s := range []uint32{1, 3} {
		g.Write32(RegStatus, s&uint32(stage))
	}
	features |= virtio.FeatureVersion1
	for i := range uint32(2) {
		g.Write32(RegDriverFeaturesSel, i)
		g.Write32(RegDriverFeatures, uint32(features>>(32*i)))
	}
	g.Write32(RegStatus, 11&uint32(stage))
	for i := range uint32(len(g.Bells)) {
		at := uint32(ScriptBase) + i*scriptRing
		for _, r := range [][2]uint32{
			{RegQueueSel, i}, {RegQueueNum, 8}, {RegQueueDescLow, at}, {RegQueueDriverLow, at + 0x100},
			{RegQueueDeviceLow, at + 0x200}, {RegQueueReady, 1},
		} {
			g.Write32(uint64(r[0]), r[1])
		}
	}
	g.Write32(RegStatus, 15&uint32(stage))
}

// Script is a hostile driver for fuzz targets. It does one thing for each four bytes a, b, c, d:
//
//	a            what
//	-----------  -----------------------------------------------------------------------
//	below 0xf0   write c<<8|d as a%9 bytes at register b, or at b+0x80 if a has bit 7, and read it
//	0xf0         notify queue b
//	0xf1, 0xf2   pause, resume
//	0xf3         the configuration has changed
//	0xf4         host(b, c, d): whatever else the device's host may do
//	0xf5         the 16-bit word at b*2 in RAM becomes c<<8|d
//	0xf6         the 32-bit register b becomes (c<<8|d) * 0x10001
//	0xf7         save and restore
//	0xf8         let the device go on for a moment
//	others       the next request of queue b begins at descriptor c
//
// In the end it resets the device and clears RAM. Then the device must work for a proper driver.
func (g *Guest) Script(ops []byte, host func(b, c, d byte)) {
	g.t.Helper()
	for ; len(ops) >= 4; ops = ops[4:] {
		g.do(ops[0], ops[1], ops[2], ops[3], host)
	}
	g.MMIO.Resume()
	g.Reset() // before Recycle: a device that runs may write to RAM
	g.Recycle()
}

func (g *Guest) do(a, b, c, d byte, host func(b, c, d byte)) {
	g.t.Helper()
	v := uint32(c)<<8 | uint32(d)
	switch a {
	case 0xf0:
		g.Write32(RegQueueNotify, uint32(b))
	case 0xf1:
		g.MMIO.Pause()
	case 0xf2:
		g.MMIO.Resume()
	case 0xf3:
		g.MMIO.ConfigChanged()
	case 0xf4:
		host(b, c, d)
	case 0xf5:
		store16(g.RAM, uint64(b)*2, uint16(v))
	case 0xf6:
		g.Write32(uint64(b), v<<16|v)
	case 0xf7:
		g.roundTrip()
	case 0xf8:
		runtime.Gosched()
	default:
		if a > 0xf8 {
			g.offer(uint64(b)%uint64(len(g.Bells)), c)
			return
		}
		var p [8]byte
		binary.LittleEndian.PutUint64(p[:], uint64(v))
		off := uint64(b)
		if a&0x80 != 0 {
			off += 0x80
		}
		g.MMIO.Write(off, p[:a%9])
		g.MMIO.Read(off, p[:a%9])
	}
}

// offer makes descriptor head the next request of a queue where Start has put it.
func (g *Guest) offer(queue uint64, head byte) {
	avail := queue*scriptRing + 0x100
	idx := load16(g.RAM, avail+2)
	store16(g.RAM, avail+4+uint64(idx%8)*2, uint16(head%8))
	store16(g.RAM, avail+2, idx+1)
	g.Write32(RegQueueNotify, uint32(queue))
}

// roundTrip restores what was saved.
func (g *Guest) roundTrip() {
	g.t.Helper()
	g.MMIO.Pause()
	s := g.MMIO.Save()
	if err := g.MMIO.Restore(s); err != nil {
		g.t.Fatalf("restore %+v: %v", s, err)
	}
	g.MMIO.Resume()
}
