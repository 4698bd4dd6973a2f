package memory

import (
	"errors"
	"math"
	"slices"
	"testing"
)

func TestCheckRuns(t *testing.T) {
	for _, c := range []struct {
		runs []Run
		good bool
	}{
		{nil, true},
		{[]Run{{0, 10}}, true},
		{[]Run{{0, 1}, {2, 1}, {9, 1}}, true},
		{[]Run{{0, 11}}, false},
		{[]Run{{10, 1}}, false},
		{[]Run{{3, 0}}, false},
		{[]Run{{0, 1}, {1, 1}}, false}, // one run
		{[]Run{{5, 2}, {0, 1}}, false},
		{[]Run{{5, 2}, {6, 1}}, false},
		{[]Run{{1, math.MaxUint64}}, false},
		{[]Run{{math.MaxUint64, 1}}, false},
		{[]Run{{math.MaxUint64, 2}}, false},
	} {
		if err := CheckRuns(c.runs, 10); (err == nil) != c.good || err != nil && !errors.Is(err, ErrRuns) {
			t.Errorf("%v: %v", c.runs, err)
		}
	}
}

func TestAppendRun(t *testing.T) {
	var runs []Run
	for _, r := range []Run{{0, 1}, {1, 2}, {5, 1}, {6, 3}} {
		runs = AppendRun(runs, r)
	}
	if !slices.Equal(runs, []Run{{0, 3}, {5, 4}}) {
		t.Error(runs)
	}
}
