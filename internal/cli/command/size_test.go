package command

import (
	"fmt"
	"math"
	"testing"
)

func TestParseSize(t *testing.T) {
	const bad = math.MaxUint64
	for s, want := range map[string]uint64{
		"0": 0, "1": 1, "4096": 4096, "4096B": 4096, "1K": 1 << 10, "1k": 1 << 10, "512M": 512 << 20,
		"512MB": 512 << 20, "512MiB": 512 << 20, "4G": 4 << 30, "1gib": 1 << 30, "2T": 2 << 40, "1P": 1 << 50, "3PiB": 3 << 50,
		"16777215T": 16777215 << 40,

		"": bad, "M": bad, "x": bad, "-1": bad, "+1": bad, "1.5G": bad, "1 G": bad, " 1": bad, "1GG": bad,
		"1BM": bad, "1iB": bad, "0x10": bad, "1_000": bad, "16777216T": bad, "99999999999999999999": bad,
		"1E": bad, "16384P": bad, "١": bad, // an Arabic digit
	} {
		n, err := ParseSize(s)
		if want == bad && err == nil || want != bad && (n != want || err != nil) {
			t.Errorf("ParseSize(%q): %d, %v", s, n, err)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	f.Add(uint64(512), uint8(2))
	f.Fuzz(func(t *testing.T, n uint64, unit uint8) {
		suffix := []string{"", "K", "M", "G", "T", "P"}[unit%6]
		shift := uint(unit%6) * 10
		got, err := ParseSize(fmt.Sprint(n) + suffix)
		if fits := n<<shift>>shift == n; fits && got != n<<shift || fits != (err == nil) {
			t.Errorf("ParseSize(%d%s): %d, %v", n, suffix, got, err)
		}
	})
}

func ExampleParseSize() {
	n, err := ParseSize("128M")
	fmt.Println(n, err)
	// Output: 134217728 <nil>
}
