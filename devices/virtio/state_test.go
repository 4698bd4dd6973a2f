package virtio_test

import (
	"fmt"
	"reflect"
	"testing"

	"terem/devices/virtio"
	vt "terem/devices/virtio/virtiotest"
)

// TestMigrateInFlight saves a queue with requests in all states: pushed and seen, pushed and not
// told of, popped, offered.
func TestMigrateInFlight(t *testing.T) {
	for _, features := range allFeatures() {
		d := newHeld(8)
		g := vt.New(t, d, vt.Options{Page: true})
		g.Init(features)
		driver := g.Queue(0)
		var all []*vt.Request
		for i := range 6 {
			all = append(all, driver.Submit([][]byte{{byte(i)}}, nil))
		}
		var c [5]virtio.Chain
		for i := range c {
			want(t, "popped", d.queues[0].Pop(&c[i]), true)
		}
		d.queues[0].Push(&c[0], 0)
		d.queues[0].Interrupt()
		driver.Used()
		d.queues[0].Push(&c[3], 0)

		edges := g.IRQ.Count()
		to := newHeld(8)
		g.Migrate(to)
		want(t, "interrupted after the restore", g.IRQ.Count() > edges, true)
		want(t, "features", to.features, g.Features)
		u, _ := driver.Used()
		want(t, "used", u.Request, all[3])
		left := map[*vt.Request]bool{all[1]: true, all[2]: true, all[4]: true, all[5]: true}
		want(t, "served", serve(to.queues[0]), len(left))
		for u, ok := driver.Used(); ok; u, ok = driver.Used() {
			want(t, "used once", left[u.Request], true)
			delete(left, u.Request)
		}
		want(t, "lost", len(left), 0)
		to.queues[0].Interrupt()
		want(t, "the page", g.Status(), 15)
	}
}

// TestMigrateBeforeWait moves a device that has taken the only request and wanted quiet: the new
// one must not sleep over that request, and must be told of the next.
func TestMigrateBeforeWait(t *testing.T) {
	for _, features := range allFeatures() {
		g, driver, q := up(t, 8, features)
		driver.Submit([][]byte{{1}}, nil)
		var c virtio.Chain
		want(t, "popped", q.Pop(&c), true)
		q.Quiet()
		to := newHeld(8)
		g.Migrate(to)
		q = to.queues[0]
		want(t, "error", q.Wait(), nil) // sleeps for ever if it does not see the request
		q.Quiet()
		want(t, "served", serve(q), 1)
		to = newHeld(8)
		g.Migrate(to)
		q = to.queues[0]
		q.Wake()
		want(t, "error", q.Wait(), nil)
		driver.Submit([][]byte{{2}}, nil)
		want(t, "notified", driver.Notify(), true)
	}
}

// TestMigrateUnderLoad moves a busy device again and again; each request is answered once.
func TestMigrateUnderLoad(t *testing.T) {
	for _, features := range allFeatures() {
		t.Run(fmt.Sprintf("features %#x", features), func(t *testing.T) {
			g := vt.New(t, vt.NewEcho(nil), vt.Options{QueueSize: 32})
			g.Init(features)
			q := g.Queue(0)
			q.Indirect = features&virtio.FeatureIndirectDesc != 0
			open := map[*vt.Request]string{}
			for i := range 300 {
				for len(open) < 8 {
					s := fmt.Sprintf("%d in round %d", len(open), i)
					open[q.Submit([][]byte{[]byte(s)}, []int{64})] = s
				}
				q.Notify()
				if i%2 == 0 {
					g.Migrate(vt.NewEcho(nil))
				}
				for range 1 + i%8 {
					u := q.WaitUsed(vt.Timeout)
					s, ok := open[u.Request]
					if got := string(u.Request.Written()[:u.Len]); !ok || got != s {
						t.Fatalf("round %d: %q, want %q", i, got, s)
					}
					delete(open, u.Request)
					q.Free(u.Request)
				}
			}
		})
	}
}

// TestPauseAndResume has nothing touch RAM in between.
func TestPauseAndResume(t *testing.T) {
	e := vt.NewEcho(nil)
	g := vt.New(t, e, vt.Options{})
	g.Init(virtio.FeatureEventIdx)
	q := g.Queue(0)
	g.MMIO.Resume() // was not paused
	for range 100 {
		r := q.Submit([][]byte{{1}}, []int{1})
		g.MMIO.Pause()
		g.MMIO.Pause()
		served := e.Served.Load()
		q.Kick()
		idx := q.UsedIdx()
		s := g.MMIO.Save()
		want(t, "used index of the state", s.Queues[0].NextUsed, idx)
		want(t, "state when saved again", reflect.DeepEqual(s, g.MMIO.Save()), true)
		want(t, "served in the pause", e.Served.Load(), served)
		g.MMIO.Resume()
		want(t, "used", q.WaitUsed(vt.Timeout).Request, r)
		q.Free(r)
	}
}

// TestDriverOKWhilePaused does not start the device before Resume.
func TestDriverOKWhilePaused(t *testing.T) {
	d := newHeld(8)
	g := vt.New(t, d, vt.Options{})
	g.MMIO.Pause()
	g.Init(0)
	want(t, "running", d.queues != nil, false)
	g.MMIO.Resume()
	want(t, "running", d.queues != nil, true)
}

// TestRestoreAtEveryStage saves and restores before the driver is up.
func TestRestoreAtEveryStage(t *testing.T) {
	for _, status := range []uint32{0, 1, 3, 11, 15, 15 | vt.StatusFailed} {
		d := newHeld(8, 16)
		g := vt.New(t, d, vt.Options{})
		walk(g, status)
		g.Write32(vt.RegQueueSel, 1)
		g.Write32(vt.RegQueueNum, 5)
		g.Write32(vt.RegQueueDriverHigh, 7)
		g.Write32(vt.RegDeviceFeaturesSel, 1)
		if status&vt.StatusFailed != 0 {
			g.Write32(vt.RegStatus, status)
		}
		before := g.MMIO.Save()
		to := newHeld(8, 16)
		g.Migrate(to)
		after := g.MMIO.Save()
		after.InterruptStatus = before.InterruptStatus
		if !reflect.DeepEqual(before, after) {
			t.Errorf("status %#x: restored %+v, want %+v", status, after, before)
		}
		want(t, "DeviceFeatures", g.Read32(vt.RegDeviceFeatures), 1)
		want(t, "QueueNumMax", g.Read32(vt.RegQueueNumMax), 16)
		want(t, "running", to.queues != nil, status&vt.StatusDriverOK != 0)
	}
}

// choosy is a device whose configuration space depends on what was negotiated.
type choosy struct{ *held }

func (c choosy) Negotiated(features uint64) { c.config[0] = byte(features >> 29) } // EVENT_IDX is bit 0 of that

// TestRestoreShowsConfig: what the configuration space is by the driver's choice, it is again after a restore.
func TestRestoreShowsConfig(t *testing.T) {
	fresh := func() choosy {
		d := newHeld(8)
		d.info.ConfigSize, d.config = 1, []byte{0x55}
		return choosy{d}
	}
	for _, features := range []uint64{0, virtio.FeatureEventIdx} {
		g := vt.New(t, fresh(), vt.Options{Page: true})
		g.Init(features)
		before := g.Config(0, 1)[0]
		g.Migrate(fresh())
		want(t, "configuration", g.Config(0, 1)[0], before)
	}
}

// TestRestoreBroken keeps a device that asked for a reset stopped.
func TestRestoreBroken(t *testing.T) {
	g, driver, q := up(t, 8, 0)
	driver.Raw(99)
	var c virtio.Chain
	q.Pop(&c)
	to := newHeld(8)
	g.Migrate(to)
	want(t, "status", g.Status(), 15|vt.StatusNeedsReset)
	want(t, "running", to.queues != nil, false)
	g.Init(0)
	want(t, "running", to.queues != nil, true)
}

// TestRestoreTrustsNothing changes one thing in a good state.
func TestRestoreTrustsNothing(t *testing.T) {
	d := newHeld(8)
	g := vt.New(t, d, vt.Options{})
	g.Init(0)
	good := g.MMIO.Save()
	for name, change := range map[string]func(s *virtio.State){
		"status":              func(s *virtio.State) { s.Status = 5 },
		"high status":         func(s *virtio.State) { s.Status |= 1 << 9 },
		"feature not offered": func(s *virtio.State) { s.Features |= 1 << 40 },
		"no VERSION_1":        func(s *virtio.State) { s.Features = 0 },
		"feature beyond":      func(s *virtio.State) { s.Beyond = true },
		"too many queues":     func(s *virtio.State) { s.Queues = append(s.Queues, s.Queues...) },
		"no queues":           func(s *virtio.State) { s.Queues = nil },
		"ready too early":     func(s *virtio.State) { s.Status = 3 },
		"size":                func(s *virtio.State) { s.Queues[0].Size = 16 },
		"odd size":            func(s *virtio.State) { s.Queues[0].Size = 6 },
		"address":             func(s *virtio.State) { s.Queues[0].Desc = 1 << 63 },
		"head outside":        func(s *virtio.State) { s.Queues[0].InFlight = []uint16{8} },
		"head twice":          func(s *virtio.State) { s.Queues[0].InFlight = []uint16{2, 2} },
	} {
		s := good
		s.Queues = append([]virtio.QueueState(nil), good.Queues...)
		change(&s)
		if g.MMIO.Restore(s) == nil {
			t.Errorf("%s: no error", name)
		}
		want(t, name+": status", g.Status(), 0)
		want(t, name+": running", d.queues != nil, false)
	}
	want(t, "good", g.MMIO.Restore(good), nil)
	g.Close()
	if g.MMIO.Restore(good) == nil {
		t.Error("closed: no error")
	}
}

// TestPauseIsNoReset: only a driver's reset makes the device forget.
func TestPauseIsNoReset(t *testing.T) {
	e := vt.NewEcho([]byte("before"))
	g := vt.New(t, e, vt.Options{})
	g.Init(0)
	g.WriteConfig(0, []byte("driver"))
	g.MMIO.Pause()
	want(t, "configuration in a pause", string(g.Config(0, 6)), "driver")
	state := g.MMIO.Save()
	want(t, "restore", g.MMIO.Restore(state), nil)
	g.MMIO.Resume()
	want(t, "configuration after it", string(g.Config(0, 6)), "driver")
	generation := g.Read32(vt.RegConfigGeneration)
	g.Reset()
	want(t, "configuration after a reset", string(g.Config(0, 6)), "before")
	want(t, "generation changed", g.Read32(vt.RegConfigGeneration) != generation, true)
	g.Init(0)
	want(t, "configuration of the next driver", string(g.Config(0, 6)), "before")
	state.Status = 5 // no driver can have brought that about
	g.WriteConfig(0, []byte("driver"))
	want(t, "no error", g.MMIO.Restore(state) == nil, false)
	want(t, "configuration after a bad state", string(g.Config(0, 6)), "before")
}
