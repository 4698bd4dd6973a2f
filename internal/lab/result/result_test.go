package result

import (
	"strings"
	"testing"

	"terem/internal/lab/experiment"
)

// TestCompare: a number is as expected only if it is less than that of the column that is to have more.
func TestCompare(t *testing.T) {
	for _, tt := range []struct {
		name            string
		process, second int
		too             bool
	}{
		{"less", 400, 300, false},
		{"as many", 400, 400, true},
		{"more", 300, 400, true},
	} {
		row := Row{Cells: []Cell{counted("process", "", tt.process), counted("container", "process", tt.second)}}
		row.Compare()
		c := row.Cells[1]
		if c.TooMany != tt.too || c.Surprise() != tt.too || strings.Contains(c.Evidence, "not less than") != tt.too || (c.Wanted() == "less than process has") != tt.too {
			t.Errorf("%s: %+v", tt.name, c)
		}
	}
	alone := Row{Cells: []Cell{counted("container", "process", 300)}}
	if alone.Compare(); alone.Cells[0].Surprise() {
		t.Error("there is nothing to compare with")
	}
	vm := Cell{Column: "vm", Verdict: experiment.NotCounted, Expected: experiment.NotCounted}
	if vm.Surprise() || vm.Word() != "not counted" {
		t.Errorf("%q", vm.Word())
	}
}

func counted(column, fewer string, n int) Cell {
	return Cell{Column: column, Verdict: experiment.Counted, Expected: experiment.Counted, Fewer: fewer, Count: &n}
}
