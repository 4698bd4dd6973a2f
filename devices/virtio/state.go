package virtio

import (
	"errors"
	"fmt"
)

// State is all that a driver has set in a transport, and how far its queues are. It does not have
// the device's own state. It goes with the contents of RAM if it was taken while the transport
// was paused.
type State struct {
	Status                         uint32
	InterruptStatus                uint32
	ConfigGeneration               uint32
	DeviceSel, DriverSel, QueueSel uint32 // the select registers
	Features                       uint64 // those that the driver accepted
	Beyond                         bool   // it also accepted features with numbers from 64 on
	Queues                         []QueueState
}

// Pause stops the device and forgets nothing: requests that the device had not
// pushed are given to it again by [MMIO.Resume] or after [MMIO.Restore]. Between the two, nothing
// touches guest RAM on the device's behalf. A request may so be carried out twice, and requests that
// were in flight together may change their order. Pausing twice is as pausing once.
func (t *MMIO) Pause() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.paused = true
	if t.active {
		t.stop()
	}
}

// Resume starts the device again if the driver has it running.
func (t *MMIO) Resume() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.paused {
		return
	}
	t.paused = false
	t.restart()
}

// restart starts a device whose driver is up. Whatever the driver was to be told before, it is told
// again: one interrupt too many costs it a look, a lost one stalls it for ever.
func (t *MMIO) restart() {
	if t.closed || t.regs.load(regStatus)&statusDriverOK == 0 {
		return
	}
	t.start()
	t.interrupt(intUsed)
}

// Save returns a copy of the state.
func (t *MMIO) Save() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := State{
		Status:           t.regs.load(regStatus),
		InterruptStatus:  t.regs.load(regInterruptStatus),
		ConfigGeneration: t.regs.load(regConfigGeneration),
		DeviceSel:        t.deviceSel, DriverSel: t.driverSel, QueueSel: t.queueSel,
		Features: t.accepted, Beyond: t.beyond,
		Queues: make([]QueueState, len(t.queues)),
	}
	for i := range t.queues {
		q := &t.queues[i]
		if q.live != nil {
			s.Queues[i] = q.live.State()
			continue
		}
		s.Queues[i] = QueueState{Size: uint16(min(q.num, 1<<16-1)), Desc: q.desc, Driver: q.driver, Device: q.device}
	}
	return s
}

// Restore stops the device, gives the transport the state s, and starts the device unless the
// transport is paused. Nothing of s is taken on trust: what no driver could have brought about is an
// error, and leaves transport and device reset. RAM and the device's own state come first.
func (t *MMIO) Restore(s State) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errors.New("restore virtio device: it is closed")
	}
	t.dev.Pause()
	t.forget()
	if err := t.restore(&s); err != nil {
		t.reset()
		return fmt.Errorf("restore virtio device %d: %w", t.info.ID, err)
	}
	t.restart()
	return nil
}

func (t *MMIO) restore(s *State) error {
	if err := t.check(s); err != nil {
		return err
	}
	t.accepted, t.beyond = s.Features, s.Beyond
	for i, q := range s.Queues {
		if !q.Ready {
			t.queues[i] = slot{num: uint32(q.Size), desc: q.Desc, driver: q.Driver, device: q.Device}
			continue
		}
		if most := t.info.QueueSizes[i]; q.Size > most {
			return fmt.Errorf("queue %d: %d entries: at most %d", i, q.Size, most)
		}
		live, err := newQueue(t, t.bells[i], q, s.Features)
		if err != nil {
			return fmt.Errorf("queue %d: %w", i, err)
		}
		t.queues[i] = slot{num: uint32(q.Size), desc: q.Desc, driver: q.Driver, device: q.Device, live: live}
	}
	t.deviceSel, t.driverSel, t.queueSel = s.DeviceSel, s.DriverSel, s.QueueSel
	t.showFeatures()
	t.showQueue()
	t.regs.store(regInterruptStatus, s.InterruptStatus&(intUsed|intConfig))
	t.regs.store(regConfigGeneration, s.ConfigGeneration)
	if s.Status&statusFeaturesOK != 0 {
		t.dev.Negotiated(s.Features)
	}
	t.refresh()
	t.regs.store(regStatus, s.Status)
	if s.Status&statusNeedsReset != 0 {
		err := errors.New("it asked for a reset before it was saved")
		t.err.Store(&err)
	}
	return nil
}

// check holds a state to what the steps of Status lead to.
func (t *MMIO) check(s *State) error {
	at := s.Status &^ (statusNeedsReset | statusFailed)
	known := at == atReset
	for _, step := range steps {
		known = known || at == step.to
	}
	switch {
	case !known:
		return fmt.Errorf("status %#x", s.Status)
	case at >= atFeaturesOK && (s.Beyond || s.Features&^t.offered != 0 || s.Features&FeatureVersion1 == 0):
		return fmt.Errorf("features %#x: offered are %#x", s.Features, t.offered)
	case len(s.Queues) != len(t.queues):
		return fmt.Errorf("%d queues: want %d", len(s.Queues), len(t.queues))
	}
	for i, q := range s.Queues {
		if q.Ready && at < atFeaturesOK {
			return fmt.Errorf("queue %d is ready with status %#x", i, s.Status)
		}
	}
	return nil
}
