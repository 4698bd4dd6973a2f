package command

import (
	"slices"
	"testing"
)

func TestEnvironment(t *testing.T) {
	t.Setenv("HERE", "yes")
	got := environment([]string{"A=1", "HERE", "TEREM_NOT_THERE", "HOME=/x", "A=2=3", "B="})
	want := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HERE=yes", "HOME=/x", "A=2=3", "B="}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
