package kernel

import (
	"slices"
	"strings"
	"testing"
)

func TestLost(t *testing.T) {
	const want = `
# A comment.
CONFIG_A=y
CONFIG_B="text"
# CONFIG_C is not set
# CONFIG_GONE is not set
`
	tests := []struct {
		name, result string
		lost         []string
	}{
		{"all kept", "CONFIG_A=y\nCONFIG_B=\"text\"\n# CONFIG_C is not set\nCONFIG_D=y\n", nil},
		{"one missing", "CONFIG_B=\"text\"\n# CONFIG_C is not set\n", []string{"CONFIG_A=y"}},
		{"one selected", "CONFIG_A=y\nCONFIG_B=\"text\"\nCONFIG_C=y\n", []string{"# CONFIG_C is not set"}},
		{"one other value", "CONFIG_A=y\nCONFIG_B=\"\"\n", []string{`CONFIG_B="text"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Lost(want, tt.result); !slices.Equal(got, tt.lost) {
				t.Errorf("Lost = %q, want %q", got, tt.lost)
			}
		})
	}
}

func TestConfigNamesEachSymbolOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, line := range Lines(Config) {
		if seen[symbol(line)] {
			t.Errorf("%s is set twice", symbol(line))
		}
		seen[symbol(line)] = true
	}
	if len(seen) < 100 {
		t.Errorf("only %d symbols: the file did not parse", len(seen))
	}
}

func TestPatchesSayWhy(t *testing.T) {
	all, err := Patches()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		why, _, ok := strings.Cut(p.Text, "\n--- a/")
		if !ok || len(why) < 80 {
			t.Errorf("%s: no reason above the diff", p.Name)
		}
		if !strings.HasPrefix(p.Diff(), "--- a/") {
			t.Errorf("%s: Diff begins %.20q", p.Name, p.Diff())
		}
	}
}
