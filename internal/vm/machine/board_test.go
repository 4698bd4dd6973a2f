package machine

import (
	"testing"

	"terem/internal/kvmtest"
	"terem/kvm"
	"terem/memory"
)

// newVM is a VM with interrupt chips, and nothing else.
func newVM(t *testing.T) *kvm.VM {
	t.Helper()
	vm, err := kvmtest.Open(t).CreateVM()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := vm.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := vm.CreateIRQChip(); err != nil {
		t.Fatal(err)
	}
	return vm
}

// TestClockTellsMemory: kernels of old read the size of RAM out of the clock's CMOS RAM, in units of 64 KiB:
// what is between 16 MiB and the hole below 4 GiB, and what is above.
func TestClockTellsMemory(t *testing.T) {
	for _, tt := range []struct {
		memory    uint64
		low, high int
	}{{64 << 20, 0x300, 0}, {5 << 30, 0xbf00, 0x8000}} {
		b, err := newBoard(newVM(t), &Config{Memory: tt.memory}, handlers{})
		if err != nil {
			t.Fatal(err)
		}
		cmos := func(index byte) int {
			p := []byte{index}
			b.ports.Write(memory.RTCPort, p)
			b.ports.Read(memory.RTCPort+1, p)
			return int(p[0])
		}
		low, high := cmos(0x34)|cmos(0x35)<<8, cmos(0x5b)|cmos(0x5c)<<8|cmos(0x5d)<<16
		if low != tt.low || high != tt.high {
			t.Errorf("%s: %#x below 4 GiB and %#x above, want %#x and %#x", Bytes(tt.memory), low, high, tt.low, tt.high)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestClosedLevel: a line that is closed does not reach the VM any more, which others may close at any time.
func TestClosedLevel(t *testing.T) {
	vm := newVM(t)
	l := &level{vm: vm, gsi: memory.SCIGSI}
	high := func() bool {
		chip, err := vm.IRQChip(kvm.ChipIOAPIC)
		if err != nil {
			t.Fatal(err)
		}
		const irr = 16 // struct kvm_ioapic_state
		return le.Uint32(chip.Chip[irr:])>>memory.SCIGSI&1 != 0
	}
	l.Set(true)
	if !high() {
		t.Fatal("the line is not high")
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if l.Set(false); !high() {
		t.Error("a closed line was set")
	}
}
