package virtio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"terem/devices"
	"terem/memory"
)

// MMIOConfig is what a transport needs of the outside.
type MMIOConfig struct {
	Memory *memory.Guest
	IRQ    devices.IRQ // edge-triggered; Trigger must not call the transport
	Bells  []Bell      // one for each queue

	// Page is nil, or the RegisterSize bytes, aligned, that the guest sees read-only as the page
	// of registers (a memory slot with KVM_MEM_READONLY), so that its reads do not exit. Then
	// all writes still come to [MMIO.Write], except those that an ioeventfd may take: a write of i to
	// NotifyOffset, which rings Bells[i], and a write of 1 to AckOffset, which nobody needs to read.
	// The latter leaves InterruptStatus bit 0 set. A driver then looks into its queues at an
	// interrupt that only tells of the configuration, and finds nothing.
	Page []byte
}

// MMIO is the transport of virtio over MMIO: the registers of one device, see regs.go. It is a
// devices.Device of RegisterSize bytes.
//
// Reads take no lock. Writes take one, all but those of the data path, QueueNotify and
// InterruptACK: a write of 0 to Status holds it until the device has stopped.
type MMIO struct {
	dev   Device
	info  Info
	mem   *memory.Guest
	irq   devices.IRQ
	bells []Bell
	regs  registers
	err   atomic.Pointer[error] // the first since reset that made the device ask for a reset

	mu                             sync.Mutex
	offered                        uint64
	accepted                       uint64
	beyond                         bool // the driver accepted features that no register offers
	deviceSel, driverSel, queueSel uint32
	queues                         []slot
	active                         bool // between Activate and Pause of the device
	paused                         bool
	closed                         bool

	configMu sync.Mutex // guards the configuration space in regs, and what follows
	scratch  []byte
	gone     bool // Close has begun: the device is not asked any more, and the page may be gone
}

// slot is what the driver has set for one queue.
type slot struct {
	num                  uint32
	desc, driver, device uint64
	live                 *Queue // not nil: QueueReady is 1
}

// NewMMIO makes a transport for d, at reset. From then on the device is the transport's to close.
func NewMMIO(d Device, c MMIOConfig) (*MMIO, error) {
	info := d.Info()
	if err := checkConfig(info, &c); err != nil {
		return nil, fmt.Errorf("virtio device %d: %w", info.ID, err)
	}
	t := &MMIO{
		dev: d, info: info, mem: c.Memory, irq: c.IRQ, bells: c.Bells,
		offered: info.Features | transportFeatures,
		queues:  make([]slot, len(info.QueueSizes)),
		scratch: make([]byte, 2*info.ConfigSize),
		regs:    registers{page: c.Page},
	}
	for _, r := range []struct {
		off int
		v   uint32
	}{
		{regMagicValue, magicValue}, {regVersion, mmioVersion},
		{regDeviceID, uint32(info.ID)}, {regVendorID, vendorID},
		{regSHMLenLow, noRegion}, {regSHMLenHigh, noRegion},
		{regSHMBaseLow, noRegion}, {regSHMBaseHigh, noRegion},
	} {
		t.regs.store(r.off, r.v)
	}
	t.showFeatures()
	t.showQueue()
	t.refresh()
	return t, nil
}

func checkConfig(info Info, c *MMIOConfig) error {
	if c.Page == nil {
		c.Page = make([]byte, RegisterSize)
	}
	switch {
	case c.Memory == nil || c.IRQ == nil:
		return errors.New("no memory or no interrupt line")
	case info.Features&reservedFeatures != 0:
		return fmt.Errorf("features %#x: bits 24 to 41 are the transport's", info.Features)
	case info.ConfigSize < 0 || info.ConfigSize > MaxConfigSize:
		return fmt.Errorf("configuration space of %d bytes: at most %d", info.ConfigSize, MaxConfigSize)
	case len(c.Bells) != len(info.QueueSizes):
		return fmt.Errorf("%d bells for %d queues", len(c.Bells), len(info.QueueSizes))
	case len(c.Page) != RegisterSize || !aligned(c.Page, 8):
		return fmt.Errorf("register page of %d bytes: want %d, aligned", len(c.Page), RegisterSize)
	}
	for i, n := range info.QueueSizes {
		if n == 0 || n&(n-1) != 0 || n > MaxQueueSize {
			return fmt.Errorf("queue %d has %d entries: want a power of two, at most %d", i, n, MaxQueueSize)
		}
	}
	return nil
}

// Read reads registers; see [devices.Device].
func (t *MMIO) Read(off uint64, p []byte) { t.regs.read(off, p) }

// Write writes a register or configuration space; see [devices.Device].
func (t *MMIO) Write(off uint64, p []byte) {
	switch {
	case off >= regConfig:
		t.writeConfig(off-regConfig, p)
	case len(p) != 4 || off%4 != 0:
	case off == regQueueNotify:
		t.notify(binary.LittleEndian.Uint32(p))
	case off == regInterruptACK:
		t.regs.clear(regInterruptStatus, binary.LittleEndian.Uint32(p))
	default:
		t.mu.Lock()
		defer t.mu.Unlock()
		if !t.closed {
			t.store(off, binary.LittleEndian.Uint32(p))
		}
	}
}

// notify rings a queue's bell for a guest whose write of QueueNotify is no ioeventfd.
func (t *MMIO) notify(queue uint32) {
	if queue >= uint32(len(t.bells)) {
		return
	}
	if err := t.bells[queue].Signal(); err != nil {
		t.needReset(fmt.Errorf("ring the bell of queue %d: %w", queue, err))
	}
}

// store writes one register that is under the lock.
func (t *MMIO) store(off uint64, v uint32) {
	switch off {
	case regStatus:
		t.setStatus(v)
	case regDeviceFeaturesSel:
		t.deviceSel = v
		t.showFeatures()
	case regDriverFeaturesSel:
		t.driverSel = v
	case regDriverFeatures:
		t.accept(v)
	case regQueueSel:
		t.queueSel = v
		t.showQueue()
	case regQueueReady:
		t.setReady(v)
		t.showQueue()
	default:
		t.setQueue(off, v)
	}
}

// accept takes 32 bits of the driver's features, while they may still change.
func (t *MMIO) accept(v uint32) {
	switch {
	case t.regs.load(regStatus) != atDriver:
	case t.driverSel == 0:
		t.accepted = t.accepted&^0xffff_ffff | uint64(v)
	case t.driverSel == 1:
		t.accepted = t.accepted&0xffff_ffff | uint64(v)<<32
	case v != 0:
		t.beyond = true
	}
}

// showFeatures puts the selected feature bits into DeviceFeatures.
func (t *MMIO) showFeatures() {
	var v uint32
	if t.deviceSel < 2 {
		v = uint32(t.offered >> (32 * t.deviceSel))
	}
	t.regs.store(regDeviceFeatures, v)
}

// ConfigChanged says that the device's configuration space has changed: it is read again, and a
// driver is told. The device may call it on any goroutine, but not from its ReadConfig. After Close
// it does nothing.
func (t *MMIO) ConfigChanged() {
	t.configMu.Lock()
	defer t.configMu.Unlock()
	if t.gone {
		return
	}
	t.update()
	if t.regs.load(regStatus)&statusDriver != 0 {
		t.interrupt(intConfig)
	}
}

// refresh copies the device's configuration space into the page.
func (t *MMIO) refresh() {
	t.configMu.Lock()
	defer t.configMu.Unlock()
	t.update()
}

// update is refresh with the lock held. ConfigGeneration changes before and after: a driver that
// reads across the change sees it, unless all its reads fall between the two; then the interrupt
// that follows makes it read again.
func (t *MMIO) update() {
	fresh, shown := t.scratch[:t.info.ConfigSize], t.scratch[t.info.ConfigSize:]
	t.dev.ReadConfig(fresh)
	t.regs.read(regConfig, shown)
	if bytes.Equal(fresh, shown) {
		return
	}
	generation := t.regs.load(regConfigGeneration)
	t.regs.store(regConfigGeneration, generation+1)
	t.regs.write(regConfig, fresh)
	t.regs.store(regConfigGeneration, generation+2)
}

// writeConfig is a driver's write to configuration space.
func (t *MMIO) writeConfig(off uint64, p []byte) {
	size := uint64(t.info.ConfigSize)
	if off >= size || uint64(len(p)) > size-off {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.regs.load(regStatus)&statusDriver == 0 {
		return
	}
	t.dev.WriteConfig(off, p)
	t.refresh()
}

// Err is why the device asks for a reset, or nil if it does not.
func (t *MMIO) Err() error {
	if err := t.err.Load(); err != nil {
		return *err
	}
	return nil
}

// Close closes the device. After it, writes are ignored.
func (t *MMIO) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	t.closed, t.active = true, false
	t.configMu.Lock()
	t.gone = true
	t.configMu.Unlock()
	err := t.dev.Close()
	for i := range t.queues {
		if q := t.queues[i].live; q != nil {
			q.kill()
		}
	}
	return err
}
