package virtio

import "fmt"

// selected is the queue that QueueSel selects, or nil.
func (t *MMIO) selected() *slot {
	if t.queueSel >= uint32(len(t.queues)) {
		return nil
	}
	return &t.queues[t.queueSel]
}

// showQueue puts the selected queue into QueueNumMax and QueueReady.
func (t *MMIO) showQueue() {
	var most, ready uint32
	if s := t.selected(); s != nil {
		most = uint32(t.info.QueueSizes[t.queueSel])
		if s.live != nil {
			ready = 1
		}
	}
	t.regs.store(regQueueNumMax, most)
	t.regs.store(regQueueReady, ready)
}

// setQueue writes one of the registers that describe the selected queue. They may change from
// FEATURES_OK to DRIVER_OK, while QueueReady is 0.
func (t *MMIO) setQueue(off uint64, v uint32) {
	s := t.selected()
	if s == nil || s.live != nil || t.regs.load(regStatus) != atFeaturesOK {
		return
	}
	switch off {
	case regQueueNum:
		s.num = v
	case regQueueDescLow:
		setLow(&s.desc, v)
	case regQueueDescHigh:
		setHigh(&s.desc, v)
	case regQueueDriverLow:
		setLow(&s.driver, v)
	case regQueueDriverHigh:
		setHigh(&s.driver, v)
	case regQueueDeviceLow:
		setLow(&s.device, v)
	case regQueueDeviceHigh:
		setHigh(&s.device, v)
	}
}

func setLow(to *uint64, v uint32)  { *to = *to&^0xffff_ffff | uint64(v) }
func setHigh(to *uint64, v uint32) { *to = *to&0xffff_ffff | uint64(v)<<32 }

// setReady is a write of QueueReady. A queue that is not in RAM, not aligned or of a size that it
// cannot have breaks the rules: the device asks for a reset.
//
// A driver may stop a queue while the device runs (section 4.2.2.2). It reads QueueReady until that is
// 0, and then expects its memory back, so the device is stopped and started again without that queue.
func (t *MMIO) setReady(v uint32) {
	s, status := t.selected(), t.regs.load(regStatus)
	switch {
	case s == nil:
	case v == 0 && s.live != nil:
		t.withdraw(s)
	case v == 1 && s.live == nil && status == atFeaturesOK:
		q, err := t.offer(s)
		if err != nil {
			t.needReset(fmt.Errorf("queue %d: %w", t.queueSel, err))
			return
		}
		s.live = q
	}
}

// offer makes the queue that a slot describes.
func (t *MMIO) offer(s *slot) (*Queue, error) {
	if most := t.info.QueueSizes[t.queueSel]; s.num > uint32(most) {
		return nil, fmt.Errorf("%d entries: at most %d", s.num, most)
	}
	state := QueueState{Size: uint16(s.num), Desc: s.desc, Driver: s.driver, Device: s.device}
	return newQueue(t, t.bells[t.queueSel], state, t.accepted)
}

// withdraw stops a queue.
func (t *MMIO) withdraw(s *slot) {
	running := t.active
	if running {
		t.stop()
	}
	if s.live != nil {
		s.live.kill()
		s.live = nil
	}
	if running {
		t.start()
	}
}
