package machine

import (
	"regexp"
	"strconv"
	"testing"

	pid1 "terem/guest/init"
)

// TestRelaySizes: init's source has the sizes that this package sends by.
func TestRelaySizes(t *testing.T) {
	parts, err := pid1.Program(nil).Parts()
	if err != nil {
		t.Fatal(err)
	}
	defined := regexp.MustCompile(`\b(RELAY_CHUNK|RELAY_MORE) *= *(\d+)`)
	got := map[string]int{}
	for _, p := range parts {
		for _, m := range defined.FindAllStringSubmatch(string(p.Text), -1) {
			if got[m[1]], err = strconv.Atoi(m[2]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got["RELAY_CHUNK"] != chunk || got["RELAY_MORE"] != more {
		t.Errorf("init has %v; here they are %d and %d", got, chunk, more)
	}
}
