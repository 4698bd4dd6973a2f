package assist

import (
	"encoding/binary"
	"math/bits"
	"time"

	"terem/kvm"
)

// apicISR is the in-service register: eight 32-bit words, 16 bytes apart (SDM vol. 3, table 11-1).
const apicISR = 0x100

// settle looks at the interrupt that KVM holds for delivery, if any. Writing s back queues it again,
// which is right only if it was not delivered yet; and the bitmap of a software backend may name
// one that was. The local APIC knows: an interrupt on its way is in service. One that is not is
// removed from s and from the vCPU's events. pending says that a real one is waiting.
func (u *Unit) settle(c interface {
	LAPIC() (kvm.LAPICState, error)
	Events() (kvm.VCPUEvents, error)
	SetEvents(kvm.VCPUEvents) error
}, s *kvm.Sregs) (pending bool, err error) {
	vector, ok := heldInterrupt(s)
	if !ok {
		return false, nil
	}
	start := time.Now()
	l, err := c.LAPIC()
	if err != nil {
		return false, err
	}
	word := binary.LittleEndian.Uint32(l.Regs[apicISR+vector/32*16:])
	if word>>(vector%32)&1 != 0 {
		return true, nil
	}
	e, err := c.Events()
	if err != nil {
		return false, err
	}
	e.I.Inject = 0
	if err := c.SetEvents(e); err != nil {
		return false, err
	}
	clear(s.InterruptBitmap[:])
	u.count("stale interrupt", start)
	return false, nil
}

// heldInterrupt is the vector in the interrupt bitmap; KVM sets one bit at the most.
func heldInterrupt(s *kvm.Sregs) (vector int, ok bool) {
	for i, w := range s.InterruptBitmap {
		if w != 0 {
			return i*64 + bits.TrailingZeros64(w), true
		}
	}
	return 0, false
}
