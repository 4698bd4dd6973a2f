package snapshot

import (
	"errors"
	"sort"
	"strconv"

	"terem/memory"
)

// Runs says which pages of RAM a diff has. In JSON they are one string: "3+2 9 12+4" is pages 3 and 4, 9, and 12 to 15.
type Runs []memory.Run

// MarshalText is for package json.
func (r Runs) MarshalText() ([]byte, error) {
	b := make([]byte, 0, 8*len(r))
	for i, run := range r {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendUint(b, run.First, 10)
		if run.Count != 1 {
			b = strconv.AppendUint(append(b, '+'), run.Count, 10)
		}
	}
	return b, nil
}

var errRuns = errors.New("the list of pages is none")

// UnmarshalText is for package json. A page number is less than 2^52, and so no sum of two of them wraps.
func (r *Runs) UnmarshalText(b []byte) error {
	*r = nil
	for len(b) > 0 {
		run := memory.Run{Count: 1}
		var ok bool
		if run.First, b, ok = number(b); ok && len(b) > 0 && b[0] == '+' {
			run.Count, b, ok = number(b[1:])
		}
		if ok && len(b) > 0 {
			ok = b[0] == ' ' && len(b) > 1
			b = b[1:]
		}
		if !ok {
			return errRuns
		}
		*r = append(*r, run)
	}
	return nil
}

// number takes a decimal number from the front.
func number(b []byte) (n uint64, rest []byte, ok bool) {
	const digits = 15 // 10^15 is less than 2^52
	i := 0
	for i < len(b) && i <= digits && '0' <= b[i] && b[i] <= '9' {
		n = 10*n + uint64(b[i]-'0')
		i++
	}
	return n, b[i:], i > 0 && i <= digits
}

// lacks says of each page from first on whether no run has it, and whether that is so of all.
func lacks(runs []memory.Run, first uint64, pages []bool) (all bool) {
	for i := range pages {
		pages[i] = true
	}
	all = true
	end := first + uint64(len(pages))
	for i := sort.Search(len(runs), func(i int) bool { return runs[i].End() > first }); i < len(runs) && runs[i].First < end; i++ {
		clear(pages[max(runs[i].First, first)-first : min(runs[i].End(), end)-first])
		all = false
	}
	return all
}
