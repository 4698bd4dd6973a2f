package command

import (
	"slices"
	"testing"

	"terem/internal/container"
)

func TestEnvironment(t *testing.T) {
	t.Setenv("HERE", "yes")
	got := environment([]string{"A=1", "HERE", "TEREM_NOT_THERE", "HOME=/x", "A=2=3", "B="})
	want := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HERE=yes", "HOME=/x", "A=2=3", "B="}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestParseBind(t *testing.T) {
	for s, want := range map[string]container.Bind{
		"/a:/b":        {Source: "/a", Target: "/b"},
		"a b:/c d:ro":  {Source: "a b", Target: "/c d", ReadOnly: true},
		"./x:/y/../..": {Source: "./x", Target: "/y/../.."}, // refused later: that is the root
	} {
		if got, err := parseBind(s); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", s, got, err, want)
		}
	}
	for _, s := range []string{"", ":", "/a", "/a:", ":/b", "/a:b", "/a:ro", "/a::ro", "/a:/b:c", "/a:/b:rx"} {
		if got, err := parseBind(s); err == nil {
			t.Errorf("%q: %+v, want an error", s, got)
		}
	}
}
