package virtio

import "fmt"

// Bits of the Status register (virtio 1.2 section 2.1).
const (
	statusAcknowledge = 1   // the guest has found the device
	statusDriver      = 2   // it has a driver for it
	statusDriverOK    = 4   // the driver is ready: go
	statusFeaturesOK  = 8   // features are negotiated
	statusNeedsReset  = 64  // the device cannot go on; only the device sets it
	statusFailed      = 128 // the driver has given up
)

// What Status can say, NEEDS_RESET and FAILED aside.
const (
	atReset       = 0
	atAcknowledge = statusAcknowledge
	atDriver      = atAcknowledge | statusDriver
	atFeaturesOK  = atDriver | statusFeaturesOK
	atDriverOK    = atFeaturesOK | statusDriverOK
)

// steps are the changes of Status that a driver may make besides a reset and FAILED, and what each
// of them does. Anything else that is written to Status is ignored.
var steps = [...]struct {
	from, to uint32
	do       func(*MMIO) bool // false: the device does not agree, Status stays
}{
	{atReset, atAcknowledge, nil},
	{atAcknowledge, atDriver, nil},
	{atReset, atDriver, nil}, // both at once, as SeaBIOS does
	{atDriver, atFeaturesOK, (*MMIO).negotiate},
	{atFeaturesOK, atDriverOK, (*MMIO).start},
}

// setStatus is a driver's write of Status.
func (t *MMIO) setStatus(v uint32) {
	if v == 0 {
		t.reset()
		return
	}
	old := t.regs.load(regStatus)
	if v &^= statusNeedsReset; v == old&^statusNeedsReset|statusFailed {
		t.regs.set(regStatus, statusFailed)
		return
	}
	for _, s := range steps {
		if old != s.from || v != s.to {
			continue
		}
		// DRIVER_OK is there before the device starts, so that it may interrupt at once.
		if s.to == atDriverOK {
			t.regs.set(regStatus, v)
		}
		if s.do == nil || s.do(t) {
			t.regs.set(regStatus, v)
		}
		return
	}
}

// negotiate checks what the driver accepted: a subset of what was offered, with VERSION_1.
func (t *MMIO) negotiate() bool {
	if t.beyond || t.accepted&^t.offered != 0 || t.accepted&FeatureVersion1 == 0 {
		return false
	}
	t.dev.Negotiated(t.accepted)
	t.refresh()
	return true
}

// start gives the queues that are ready to the device, unless that has to wait for Resume or for a
// reset.
func (t *MMIO) start() bool {
	if t.paused || t.regs.load(regStatus)&statusNeedsReset != 0 {
		return true
	}
	queues := make([]*Queue, len(t.queues))
	for i := range t.queues {
		queues[i] = t.queues[i].live
	}
	t.active = true
	if err := t.dev.Activate(t.accepted, queues); err != nil {
		t.needReset(fmt.Errorf("start the device: %w", err))
	}
	return true
}

// stop takes the queues away from the device, and keeps their state for another start.
func (t *MMIO) stop() {
	t.dev.Pause()
	t.active = false
	for i := range t.queues {
		s := &t.queues[i]
		if s.live == nil {
			continue
		}
		var err error
		if s.live, err = newQueue(t, t.bells[i], s.live.kill(), t.accepted); err != nil {
			t.needReset(fmt.Errorf("queue %d: %w", i, err))
		}
	}
}

// reset is a write of 0 to Status: the device stops, and all that the driver has set is forgotten.
// Status reads as 0 only when the device has stopped, which is what a driver waits for.
func (t *MMIO) reset() {
	t.dev.Reset()
	t.forget()
	t.refresh()
	t.regs.store(regStatus, atReset)
}

// forget makes the transport as it was before the first driver. The device stands still.
func (t *MMIO) forget() {
	t.active = false
	for i := range t.queues {
		if q := t.queues[i].live; q != nil {
			q.kill()
		}
		t.queues[i] = slot{}
	}
	t.accepted, t.beyond = 0, false
	t.deviceSel, t.driverSel, t.queueSel = 0, 0, 0
	t.err.Store(nil)
	t.regs.store(regInterruptStatus, 0)
	t.showFeatures()
	t.showQueue()
}

// needReset sets DEVICE_NEEDS_RESET and tells a driver that is up (section 2.1.2). It takes no
// lock, because a queue calls it on any goroutine, also while a reset waits for that.
func (t *MMIO) needReset(err error) {
	t.err.CompareAndSwap(nil, &err)
	t.regs.set(regStatus, statusNeedsReset)
	if t.regs.load(regStatus)&statusDriverOK != 0 {
		t.interrupt(intConfig)
	}
}

// interrupt raises one bit of InterruptStatus, and the line.
func (t *MMIO) interrupt(bit uint32) {
	t.regs.set(regInterruptStatus, bit)
	t.irq.Trigger()
}
