package mechanism

import (
	"strings"
	"testing"

	"terem/internal/lab/experiment"
	"terem/internal/lab/place"
)

// TestComplete wants a sentence for each cell, and no sentence for a cell that is not there.
func TestComplete(t *testing.T) {
	cells := 0
	for _, e := range experiment.All() {
		for _, i := range place.All() {
			x := Of(e.Name, i.Name)
			if x.Verdict == "" || x.Decides == "" || strings.HasSuffix(x.Decides, ".") {
				t.Errorf("%s, %s: %q %q", e.Name, i.Name, x.Verdict, x.Decides)
			}
			cells++
		}
	}
	known := 0
	for _, row := range table() {
		known += len(row)
	}
	if known != cells {
		t.Errorf("%d cells are known, %d are there", known, cells)
	}
}
