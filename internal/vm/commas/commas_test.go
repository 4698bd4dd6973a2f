package commas

import (
	"slices"
	"testing"
)

func TestSplit(t *testing.T) {
	for value, want := range map[string][]string{
		"":            {""},
		"a":           {"a"},
		"a,b=c,":      {"a", "b=c", ""},
		",a":          {"", "a"},
		"a,,b":        {"a,b"},
		"a,,,b":       {"a,", "b"},
		"a,,,,b,c,,d": {"a,,b", "c,d"},
	} {
		if got := Split(value); !slices.Equal(got, want) {
			t.Errorf("Split(%q) = %q, want %q", value, got, want)
		}
	}
}
