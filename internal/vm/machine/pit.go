package machine

import (
	"fmt"
	"sync/atomic"

	"terem/devices/legacy"
	"terem/devices/pit"
	"terem/kvm"
)

// wantPIT is what makes the interval timer when a guest comes to use it (ADR 0015): from
// its return on, KVM answers the ports of the two devices that stood there. It takes some milliseconds, once:
// KVM waits for an SRCU grace period.
func wantPIT(vm *kvm.VM, b *legacy.PortB, made *atomic.Bool, failed func(error)) func(pit.State) {
	return func(s pit.State) {
		made.Store(true)
		err := vm.CreatePIT()
		if err == nil {
			err = vm.SetPIT(pitState(s, b.Save().Control))
		}
		if err != nil {
			failed(fmt.Errorf("the guest wants an interval timer: %w", err))
		}
	}
}

// Values of struct kvm_pit_state2 (arch/x86/include/uapi/asm/kvm.h, arch/x86/kvm/i8254.c).
const (
	pitSecond    = 4    // RW_STATE_WORD1: the low byte of two has been read, or written
	pitNoMode    = 0xff // as after a reset: it does not run
	pitSpeakerOn = 1 << 1

	// pitNotLoaded is for a counter that has a mode and stands still until it is given a count. KVM knows
	// none: 0 would run for 65536 turns, and interrupt a guest that has just stopped its timer. This takes an hour, and
	// reads as a counter of 65536 would.
	pitNotLoaded = 0xffff_0000
	portBGate    = 1 << 0 // port 0x61: counter 2 counts
	portBSpeaker = 1 << 1
)

// pitState is the timer's state in KVM's words. KVM loads every counter anew when it is
// given that, so counter 0, if it has a mode, runs. What the guest has latched, or read a half of, it goes
// on to read from KVM.
func pitState(s pit.State, portB byte) kvm.PITState {
	var k kvm.PITState
	for i, c := range s.Counters {
		ch := &k.Channels[i]
		ch.Count, ch.Gate, ch.Mode = uint32(c.Count), 1, pitNoMode
		if c.StatusLatched {
			ch.StatusLatched, ch.Status = 1, c.Status()
		}
		if c.Access == pit.None {
			continue
		}
		ch.Mode, ch.RWMode, ch.ReadState, ch.WriteState = c.Mode, uint8(c.Access), uint8(c.Access), uint8(c.Access)
		if !c.Loaded {
			ch.Count = pitNotLoaded
		}
		if c.Half {
			ch.WriteState, ch.WriteLatch = pitSecond, c.LowByte
		}
		if c.HighNext {
			ch.ReadState = pitSecond
		}
		if c.CountLatched {
			ch.CountLatched, ch.LatchedCount = uint8(c.Access), c.Count
		}
		if c.BCD {
			ch.BCD = 1
		}
	}
	k.Channels[2].Gate = portB & portBGate
	if portB&portBSpeaker != 0 {
		k.Flags = pitSpeakerOn
	}
	return k
}
