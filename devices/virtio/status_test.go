package virtio_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"terem/devices/virtio"
	vt "terem/devices/virtio/virtiotest"
)

// walk takes a driver to a status by the steps of section 3.1.1.
func walk(g *vt.Guest, status uint32) {
	for _, s := range []uint32{0, 1, 3} {
		if s <= status {
			g.Write32(vt.RegStatus, s)
		}
	}
	g.Write32(vt.RegDriverFeaturesSel, 1)
	g.Write32(vt.RegDriverFeatures, 1)
	for _, s := range []uint32{11, 15} {
		if s <= status {
			g.Write32(vt.RegStatus, s)
		}
	}
}

// TestStatusSteps writes every value at every stage.
func TestStatusSteps(t *testing.T) {
	next := map[uint32][]uint32{0: {1, 3}, 1: {3}, 3: {11}, 11: {15}, 15: nil}
	d := newHeld(8)
	g := vt.New(t, d, vt.Options{})
	for from, legal := range next {
		for v := range uint32(0x140) {
			walk(g, from)
			if got := g.Status(); got != from {
				t.Fatalf("status %#x, want %#x", got, from)
			}
			g.Write32(vt.RegStatus, v)
			expect := from
			if v == 0 || v&^vt.StatusNeedsReset == from|vt.StatusFailed {
				expect = v &^ vt.StatusNeedsReset
			}
			for _, l := range legal {
				if v&^vt.StatusNeedsReset == l {
					expect = l
				}
			}
			want(t, fmt.Sprintf("status after %#x at %#x", v, from), g.Status(), expect)
			want(t, "running", d.queues != nil, g.Status()&vt.StatusDriverOK != 0)
		}
	}
}

func TestFeatures(t *testing.T) {
	for _, tt := range []struct {
		name     string
		accepted [3]uint32 // bits 0, 32 and 64 on
		ok       bool
	}{
		{"only VERSION_1", [3]uint32{0, 1, 0}, true},
		{"all that is offered", [3]uint32{1<<5 | 1<<28 | 1<<29, 1, 0}, true},
		{"not VERSION_1", [3]uint32{1 << 5, 0, 0}, false},
		{"none", [3]uint32{}, false},
		{"one of the device's that it has not", [3]uint32{1 << 6, 1, 0}, false},
		{"one of the transport's that it has not", [3]uint32{0, 1 | 1<<2, 0}, false},
		{"all", [3]uint32{0xffffffff, 0xffffffff, 0}, false},
		{"one that no register offers", [3]uint32{0, 1, 8}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newHeld(8)
			d.info.Features = 1 << 5
			g := vt.New(t, d, vt.Options{})
			walk(g, 3)
			for i, v := range tt.accepted {
				g.Write32(vt.RegDriverFeaturesSel, uint32(i))
				g.Write32(vt.RegDriverFeatures, v)
			}
			g.Write32(vt.RegStatus, 11)
			want(t, "FEATURES_OK", g.Status()&vt.StatusFeaturesOK != 0, tt.ok)
			if !tt.ok {
				return
			}
			g.Write32(vt.RegDriverFeaturesSel, 1) // too late
			g.Write32(vt.RegDriverFeatures, 0xffffffff)
			if err := g.DriverOK(); err != nil {
				t.Fatal(err)
			}
			want(t, "features", d.features, uint64(tt.accepted[0])|uint64(tt.accepted[1])<<32)
		})
	}
}

// TestResetForgets brings a device up twice, the second time with less.
func TestResetForgets(t *testing.T) {
	d := newHeld(8, 8)
	g := vt.New(t, d, vt.Options{})
	g.Init(virtio.FeatureEventIdx)
	old, driver := d.queues[0], g.Queue(0)
	driver.Submit([][]byte{{0}}, nil)
	want(t, "served", serve(old), 1) // and the driver is not told of it yet
	driver.Submit([][]byte{{1}}, nil)
	var c, late virtio.Chain
	want(t, "popped", old.Pop(&late), true)
	driver.Submit([][]byte{{2}}, nil)
	g.Write32(vt.RegStatus, 0)
	old.Push(&late, 0)
	old.Interrupt()
	old.Quiet()
	old.Fail(nil)
	want(t, "status", g.Status(), 0)
	want(t, "used index", driver.UsedIdx(), 1)
	want(t, "popped after a reset", old.Pop(&c), false)
	want(t, "interrupts", g.IRQ.Count(), 0)
	walk(g, 15)
	want(t, "features", d.features, virtio.FeatureVersion1)
	want(t, "queue 0", d.queues[0], nil)
}

func TestActivateFails(t *testing.T) {
	d := newHeld(8)
	d.refuse = true
	g := vt.New(t, d, vt.Options{})
	if err := g.TryInit(0); err == nil {
		t.Fatal("no error")
	}
	want(t, "status", g.Status(), 15|vt.StatusNeedsReset)
	want(t, "InterruptStatus", g.Ack(), 2)
	want(t, "interrupts", g.IRQ.Count(), 1)
	d.refuse = false
	g.Init(0)
}

func TestConfiguration(t *testing.T) {
	d := newHeld(8)
	d.info.ConfigSize, d.config = 10, []byte("0123456789")
	g := vt.New(t, d, vt.Options{})
	g.WriteConfig(0, []byte("early")) // there is no driver yet
	want(t, "configuration", string(g.Config(0, 10)), "0123456789")
	g.Init(0)
	generation := g.Read32(vt.RegConfigGeneration)
	g.MMIO.ConfigChanged()
	want(t, "generation, nothing changed", g.Read32(vt.RegConfigGeneration), generation)
	want(t, "InterruptStatus", g.Ack(), 2)
	d.config[9] = 'x'
	g.MMIO.ConfigChanged()
	want(t, "configuration", string(g.Config(0, 10)), "012345678x")
	if g.Read32(vt.RegConfigGeneration) == generation {
		t.Error("the generation is the same after a change")
	}
	want(t, "interrupts", g.IRQ.Count(), 2)
	g.WriteConfig(3, []byte("abc"))
	want(t, "configuration", string(g.Config(0, 10)), "012abc678x")
	g.WriteConfig(8, []byte("abc")) // one too many
	g.WriteConfig(10, []byte("a"))
	want(t, "configuration", string(g.Config(0, 10)), "012abc678x")
	want(t, "what follows it", string(g.Config(10, 2)), "\x00\x00")
}

// TestGenerationChangesFirst: a driver that has read a byte of a new configuration sees, when it reads
// ConfigGeneration after that, that something has changed since it read it before.
func TestGenerationChangesFirst(t *testing.T) {
	const size = virtio.MaxConfigSize // much to write, so that a driver comes in between
	d := newHeld(8)
	d.info.ConfigSize, d.config = size, make([]byte, size)
	g := vt.New(t, d, vt.Options{Page: true})
	first := g.Read32(vt.RegConfigGeneration)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range uint32(20_000) {
			d.mu.Lock()
			binary.LittleEndian.PutUint32(d.config, n+1)
			binary.LittleEndian.PutUint32(d.config[size-4:], n+1)
			for i := 4; i < size-4; i++ {
				d.config[i] = byte(n)
			}
			d.mu.Unlock()
			g.MMIO.ConfigChanged()
		}
	}()
	for {
		before := g.Read32(vt.RegConfigGeneration)
		value := g.Read32(vt.RegConfig)
		after := g.Read32(vt.RegConfigGeneration)
		if settled := (before - first) / 2; (before-first)%2 == 0 && value != settled && after == before {
			t.Fatalf("configuration %d is read under generation %d, which has %d", value, before, settled)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

// TestConfigWithoutDriver: nobody is told of a change before there is a driver, or after it is gone.
func TestConfigWithoutDriver(t *testing.T) {
	d := newHeld(8)
	d.info.ConfigSize, d.config = 4, make([]byte, 4)
	g := vt.New(t, d, vt.Options{})
	change := func(what string, interrupts int) {
		t.Helper()
		before := g.IRQ.Count()
		d.config[0]++
		g.MMIO.ConfigChanged()
		want(t, what+": interrupts", g.IRQ.Count()-before, interrupts)
		want(t, what+": InterruptStatus", g.Ack(), uint32(2*interrupts))
		want(t, what+": configuration", g.Config(0, 1)[0], d.config[0])
	}
	change("reset", 0)
	g.Write32(vt.RegStatus, vt.StatusAcknowledge)
	change("acknowledged", 0)
	g.Write32(vt.RegStatus, vt.StatusAcknowledge|vt.StatusDriver)
	change("driver", 1)
	g.Init(0)
	change("running", 1)
	g.Reset()
	change("reset again", 0)
}
