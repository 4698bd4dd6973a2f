package assist

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"terem/internal/kvmtest"
	"terem/kvm"
)

func TestHide(t *testing.T) {
	all := ^uint32(0)
	leaf := func(function, index, ebx, ecx uint32) kvm.CPUIDEntry {
		return kvm.CPUIDEntry{Function: function, Index: index, Eax: all, Ebx: ebx, Ecx: ecx, Edx: all}
	}
	got := []kvm.CPUIDEntry{leaf(1, 0, all, all), leaf(7, 0, all, all), leaf(7, 1, all, all), leaf(0x8000_0001, 0, all, all)}
	Hide(got)
	want := []kvm.CPUIDEntry{leaf(1, 0, all, all), leaf(7, 0, all&^0x80108, all), leaf(7, 1, all, all), leaf(0x8000_0001, 0, all, all&^0x20)}
	if !slices.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

// TestInterprets: the CPU alone does not say it, and a KVM that cannot be asked is believed.
func TestInterprets(t *testing.T) {
	for _, tt := range []struct {
		virtualizes bool
		size        int
		err         error
		want        bool
	}{
		{false, 4224, nil, true},
		{true, 4224, nil, false},
		{true, 0, nil, true},
		{true, 0, unix.EBADF, false},
	} {
		var asked kvm.Capability
		got := interprets(tt.virtualizes, func(c kvm.Capability) (int, error) { asked = c; return tt.size, tt.err })
		if got != tt.want || tt.virtualizes && asked != kvm.CapNestedState {
			t.Errorf("%+v: %v; asked for %d", tt, got, asked)
		}
	}
}

// TestInterpretsAsProbed: what is known before the first vCPU runs is what a probe finds.
func TestInterpretsAsProbed(t *testing.T) {
	undone, err := ProbeSyscall(machine(t))
	if got := Interprets(kvmtest.Open(t).Check); err != nil || got != undone {
		t.Errorf("it interprets: %v; left undone: %v, %v", got, undone, err)
	}
}

// TestVirtualizes compares with what the kernel read.
func TestVirtualizes(t *testing.T) {
	b, err := os.ReadFile("/proc/cpuinfo")
	check(t, err)
	words := strings.Fields(string(b))
	want := slices.Contains(words, "vmx") || slices.Contains(words, "svm")
	if got := virtualizes(); got != want {
		t.Errorf("%v, and /proc/cpuinfo says %v", got, want)
	}
}
