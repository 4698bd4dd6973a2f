package assist

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestFeatures holds the list to what the kernel takes: cpu_parse_early_param (arch/x86/kernel/cpu/common.c)
// has a buffer of 128 bytes and cuts off the rest.
func TestFeatures(t *testing.T) {
	const buffer = 128
	if len(features) >= buffer {
		t.Errorf("%d characters: the kernel reads %d", len(features), buffer-1)
	}
	const words = 20 // NCAPINTS of Linux 6.1
	var bits []int
	for f := range strings.SplitSeq(features, ",") {
		n, err := strconv.Atoi(f)
		if err != nil || n >= words*32 {
			t.Errorf("%q is no number of a feature", f)
		}
		bits = append(bits, n)
	}
	if !slices.IsSorted(bits) || len(slices.Compact(slices.Clone(bits))) != len(bits) {
		t.Errorf("not sorted, or one stands there twice: %v", bits)
	}
}
