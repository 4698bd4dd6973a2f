package net

import (
	"encoding/binary"
	"reflect"
	"testing"
	"time"

	"terem/devices/virtio"
	"terem/devices/virtio/virtiotest"
)

func virtiotestNow() time.Time { return time.Unix(1000, 7000) }

// table is what TABLE_SET says.
func table(lists ...[][6]byte) (b []byte) {
	for _, l := range lists {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(l)))
		for _, a := range l {
			b = append(b, a[:]...)
		}
	}
	return b
}

// TestReceiveModes: which frames come through.
func TestReceiveModes(t *testing.T) {
	other, group, group2 := [6]byte{2, 9}, [6]byte{1, 0, 0x5e, 1}, [6]byte{0x33, 0x33, 1}
	all := [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	many := make([][6]byte, maxAddresses+1)
	for _, tt := range []struct {
		what     string
		do       func(g *guest) byte
		features uint64
		others   [3]bool // other, group, group2
	}{
		{"at first", func(*guest) byte { return 0 }, everything, [3]bool{}},
		{"without modes", func(*guest) byte { return 0 }, everything &^ featureControlRX, [3]bool{true, true, true}},
		{"promiscuous", func(g *guest) byte { return g.command(classRX, rxPromiscuous, 1) }, everything, [3]bool{true, true, true}},
		{"and not", func(g *guest) byte { g.command(classRX, rxPromiscuous, 1); return g.command(classRX, rxPromiscuous, 0) }, everything, [3]bool{}},
		{"all multicast", func(g *guest) byte { return g.command(classRX, rxAllMulticast, 1) }, everything, [3]bool{false, true, true}},
		{"table", func(g *guest) byte {
			return g.command(classMAC, macTable, table([][6]byte{other}, [][6]byte{group2})...)
		}, everything, [3]bool{true, false, true}},
		{"large tables", func(g *guest) byte { return g.command(classMAC, macTable, table(many, many)...) }, everything, [3]bool{true, true, true}},
	} {
		g := attach(t, tt.features, virtiotest.Options{})
		want(t, tt.what+": answer", tt.do(g), answerOK)
		g.room(8, 1526)
		to := func(a [6]byte) []byte { f := packet(60, a[0]); copy(f[HeaderSize:], a[:]); return f }
		for i, a := range [][6]byte{other, group, group2} {
			g.w.bring(to(a))
			if tt.others[i] {
				same(t, tt.what, g.frame(), to(a))
			}
		}
		for _, a := range [][6]byte{all, testMAC} {
			g.w.bring(to(a))
			same(t, tt.what, g.frame(), to(a))
		}
	}
}

// TestCommands: what makes no sense or was not negotiated is refused, and changes nothing.
func TestCommands(t *testing.T) {
	offloads := func(bits uint64) []byte { return binary.LittleEndian.AppendUint64(nil, bits) }
	for _, tt := range []struct {
		what           string
		features       uint64
		class, command byte
		data           []byte
		ok             bool
	}{
		{"address", everything, classMAC, macAddress, []byte{2, 0, 0, 0, 0, 9}, true},
		{"address of many", everything, classMAC, macAddress, []byte{1, 0, 0, 0, 0, 9}, false},
		{"half an address", everything, classMAC, macAddress, []byte{2, 0, 0}, false},
		{"address, not negotiated", everything &^ featureControlMAC, classMAC, macAddress, []byte{2, 0, 0, 0, 0, 9}, false},
		{"unknown class", everything, 77, 0, []byte{0}, false},
		{"unknown mode", everything, classRX, 9, []byte{1}, false},
		{"mode 2", everything, classRX, rxPromiscuous, []byte{2}, false},
		{"mode, not negotiated", everything &^ featureControlRX, classRX, rxPromiscuous, []byte{1}, false},
		{"half a table", everything, classMAC, macTable, []byte{9, 0, 0, 0, 1, 2, 3}, false},
		{"endless table", everything, classMAC, macTable, []byte{0xff, 0xff, 0xff, 0xff}, false},
		{"one table", everything, classMAC, macTable, table(nil), false},
		{"two tables", everything, classMAC, macTable, table(nil, nil), true},
		{"fewer offloads", everything, classOffloads, offloadsSet, offloads(featureGuestChecksum), true},
		{"more than negotiated", everything &^ featureGuestTSO6, classOffloads, offloadsSet, offloads(offloadBits), false},
		{"no offload", everything, classOffloads, offloadsSet, offloads(1 << 40), false},
		{"offloads, not negotiated", everything &^ featureGuestOffloads, classOffloads, offloadsSet, offloads(0), false},
	} {
		g := attach(t, tt.features, virtiotest.Options{})
		before := g.d.Save()
		answer := g.command(tt.class, tt.command, tt.data...)
		want(t, tt.what, answer == answerOK, tt.ok)
		if !tt.ok && !reflect.DeepEqual(g.d.Save(), before) {
			t.Errorf("%s: refused, and yet the state is %+v, before %+v", tt.what, g.d.Save(), before)
		}
	}
}

// TestOffloads: the backend hears of what was negotiated and goes together, and of what the driver changes.
func TestOffloads(t *testing.T) {
	for _, tt := range []struct {
		features uint64
		want     Offloads
	}{
		{everything, Offloads{true, true, true}},
		{0, Offloads{}},
		{featureGuestTSO4 | featureGuestTSO6, Offloads{}},
		{featureGuestChecksum | featureGuestTSO6, Offloads{Checksum: true, TSO6: true}},
	} {
		want(t, "offloads", attach(t, tt.features, virtiotest.Options{}).w.told(1), tt.want)
	}
	g := attach(t, everything, virtiotest.Options{})
	g.command(classOffloads, offloadsSet, 2, 0, 0, 0, 0, 0, 0, 0)
	want(t, "after SET", g.w.told(2), Offloads{Checksum: true})
	g.MMIO.Pause()
	g.MMIO.Resume()
	want(t, "after a pause", g.w.told(3), Offloads{Checksum: true})
	g.up(everything)
	want(t, "after a reset", g.w.told(4), Offloads{true, true, true})
}

// TestBackendTakesNothing: a guest that has filled its network's queues up can still start its driver anew. That happens on a vCPU, which all else
// would wait for.
func TestBackendTakesNothing(t *testing.T) {
	g := attach(t, everything, virtiotest.Options{})
	g.w.told(1)
	g.w.locked(func() { g.w.full = true })
	for range 3 {
		g.up(everything)
		g.MMIO.Pause()
		g.MMIO.Resume()
	}
	g.Reset()
	g.w.locked(func() { g.w.full = false })
	g.up(everything)
	want(t, "after that", g.w.told(2), Offloads{true, true, true})
}

// TestMigrate: what the driver has set goes along, and so do the buffers that it has given.
func TestMigrate(t *testing.T) {
	g := attach(t, everything, virtiotest.Options{})
	g.room(40, 1526)
	g.w.bring(packet(60, 1))
	g.frame()
	g.command(classMAC, macAddress, 2, 0, 0, 0, 0, 9)
	g.command(classRX, rxAllMulticast, 1)
	g.command(classMAC, macTable, table([][6]byte{{2, 1}}, nil)...)
	g.command(classOffloads, offloadsSet, 2, 0, 0, 0, 0, 0, 0, 0)
	s := g.d.Save()
	w := newWire()
	d, err := New(Config{Backend: w, MAC: testMAC, MTU: 1500})
	if err != nil {
		t.Fatal(err)
	}
	d.Restore(s)
	g.Migrate(d)
	if got := d.Save(); !reflect.DeepEqual(got, s) {
		t.Errorf("state %+v, want %+v", got, s)
	}
	want(t, "offloads", w.told(1), Offloads{Checksum: true})
	want(t, "MAC", g.Config(offMAC, 6)[5], 9)
	f := packet(40000, 3)
	copy(f[HeaderSize:], []byte{2, 0, 0, 0, 0, 9})
	w.bring(f)
	same(t, "received", g.frame(), f)
	d.Restore(State{Filter: Filter{Unicast: make([][6]byte, 1000)}})
	want(t, "a filter of nobody's", d.Save().Filter.Promiscuous, true)
}

// TestHostileCommand: a command without room for an answer breaks the queue, and a reset mends it.
func TestHostileCommand(t *testing.T) {
	g := attach(t, everything, virtiotest.Options{})
	g.ctl.Submit([][]byte{{classRX, rxPromiscuous, 1}}, nil)
	g.ctl.Notify()
	eventually(t, func() bool { return g.Status()&virtiotest.StatusNeedsReset != 0 })
	g.up(everything)
	want(t, "after a reset", g.command(classRX, rxPromiscuous, 1), answerOK)
	g.rx.Submit([][]byte{{1}}, nil)
	g.rx.Notify()
	eventually(t, func() bool { return g.Status()&virtiotest.StatusNeedsReset != 0 })
}

var _ virtio.Device = (*Device)(nil)
