package machine

import (
	"testing"

	"terem/kvm"
)

// TestConcealed: features that a KVM may list and that a VM of terem's does not have.
func TestConcealed(t *testing.T) {
	leaf := func(function, index uint32) kvm.CPUIDEntry {
		return kvm.CPUIDEntry{Function: function, Index: index, Eax: ^uint32(0), Ebx: ^uint32(0), Ecx: ^uint32(0), Edx: ^uint32(0)}
	}
	host := []kvm.CPUIDEntry{intelLike()[0], leaf(1, 0), leaf(5, 0), leaf(7, 0), leaf(7, 1), leaf(0xd, 0), leaf(0x15, 0), leaf(0x16, 0),
		leaf(0x1d, 0), leaf(0x1d, 1), leaf(0x1e, 0), leaf(0x8000001f, 0), leaf(leafKVMFeatures, 0)}
	all := cpuidAt(CPUModel{}.leaves(host, 0, 1))
	for _, function := range []uint32{5, 0x15, 0x16, 0x8000001f} {
		if e := all.get(function, 0); e.Eax|e.Ebx|e.Ecx|e.Edx != 0 {
			t.Errorf("not concealed: %s", formatLeaf(e))
		}
	}
	if all.get(1, 0).Ecx>>3&1 != 0 {
		t.Error("MONITOR is not concealed")
	}
	parts := append([]cpuidBit{{0x1d, 1, ebx, 0}, {0x1e, 0, ebx, 0}}, tileParts...)
	for _, b := range parts {
		if !hasBit(all, b) {
			t.Errorf("with the tiles' state, %+v is gone", b)
		}
	}
	findLeaf(host, 0xd, 0).Eax &^= 1 << 18
	for _, b := range parts {
		if hasBit(CPUModel{}.leaves(host, 0, 1), b) {
			t.Errorf("without the tiles' state, %+v is still there", b)
		}
	}
}

// TestCmpLegacy: AMD's flag for "the count is of cores", which Intel reserves.
func TestCmpLegacy(t *testing.T) {
	for _, tt := range []struct {
		host []kvm.CPUIDEntry
		n    int
		want bool
	}{{amdLike(), 1, false}, {amdLike(), 2, true}, {intelLike(), 2, false}} {
		for _, was := range []uint32{0, 1 << 1} {
			e := findLeaf(tt.host, 0x80000001, 0)
			e.Ecx = e.Ecx&^(1<<1) | was
			got := findLeaf(CPUModel{}.leaves(tt.host, 0, tt.n), 0x80000001, 0).Ecx>>1&1 == 1
			if got != tt.want {
				t.Errorf("AMD %v, %d vCPUs, the host's bit %d: %v", isAMD(tt.host), tt.n, was>>1, got)
			}
		}
	}
}
