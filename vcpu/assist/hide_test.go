package assist

import (
	"os"
	"slices"
	"strings"
	"testing"

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

// TestVirtualizes compares with what the kernel read.
func TestVirtualizes(t *testing.T) {
	b, err := os.ReadFile("/proc/cpuinfo")
	check(t, err)
	words := strings.Fields(string(b))
	want := slices.Contains(words, "vmx") || slices.Contains(words, "svm")
	if got := Virtualizes(); got != want {
		t.Errorf("%v, and /proc/cpuinfo says %v", got, want)
	}
}
