package memory

import (
	"errors"
	"fmt"
)

// Run is some pages of RAM that follow each other. They are numbered through all regions, from 0 on, as in a file that has the
// bytes of each region one after the other.
type Run struct{ First, Count uint64 }

// End is the number of the page after it.
func (r Run) End() uint64 { return r.First + r.Count }

// ErrRuns is wrapped by the errors of CheckRuns.
var ErrRuns = errors.New("bad runs of pages")

// CheckRuns looks at runs that may come from a stranger's file: they must be ascending, with a page at least between two of
// them, and of the first so many pages.
func CheckRuns(runs []Run, pages uint64) error {
	end := uint64(0)
	for i, r := range runs {
		switch {
		case r.Count == 0:
			return fmt.Errorf("%w: number %d has no page", ErrRuns, i)
		case i > 0 && r.First <= end:
			return fmt.Errorf("%w: number %d, at page %d, does not come after a gap behind the one before it", ErrRuns, i, r.First)
		case r.First > pages || r.Count > pages-r.First:
			return fmt.Errorf("%w: number %d, %d pages from page %d on, is not among the %d there are", ErrRuns, i, r.Count, r.First, pages)
		}
		end = r.End()
	}
	return nil
}

// AppendRun adds a run that comes after all others, and joins it with the last if nothing is between them.
func AppendRun(runs []Run, r Run) []Run {
	if n := len(runs); n > 0 && runs[n-1].End() == r.First {
		runs[n-1].Count += r.Count
		return runs
	}
	return append(runs, r)
}
