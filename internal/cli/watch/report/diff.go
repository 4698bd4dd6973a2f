package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"
)

// Change is a row in two traces.
type Change struct {
	Name   string        `json:"name"`
	Before uint64        `json:"before"` // count
	After  uint64        `json:"after"`
	Time   time.Duration `json:"before_ns"`
	Later  time.Duration `json:"after_ns"`
}

// Difference is what is different between two traces.
type Difference struct {
	Schema    int      `json:"schema"` // 1
	Before    *Summary `json:"before"`
	After     *Summary `json:"after"`
	Reasons   []Change `json:"reasons"`
	Places    []Change `json:"places"`
	Functions []Change `json:"functions"`
}

// Compare compares two summaries.
func Compare(a, b *Summary) *Difference {
	return &Difference{Schema: 1, Before: a, After: b,
		Reasons: changes(a.Reasons, b.Reasons), Places: changes(a.Places, b.Places), Functions: changes(a.Functions, b.Functions)}
}

// changes pairs rows by their names; those whose counts differ most come first.
func changes(a, b []Row) (list []Change) {
	at := map[string]int{}
	for _, r := range a {
		at[r.Name] = len(list)
		list = append(list, Change{Name: r.Name, Before: r.Count, Time: r.Time})
	}
	for _, r := range b {
		i, ok := at[r.Name]
		if !ok {
			i = len(list)
			list = append(list, Change{Name: r.Name})
		}
		list[i].After, list[i].Later = r.Count, r.Time
	}
	slices.SortFunc(list, func(x, y Change) int { return cmp.Or(cmp.Compare(y.size(), x.size()), cmp.Compare(x.Name, y.Name)) })
	return list
}

func (c *Change) size() uint64 { return max(c.Before, c.After) - min(c.Before, c.After) }

// Table writes the difference for a person.
func (d *Difference) Table(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "before: %s\nafter:  %s\n", head(d.Before), head(d.After))
	for _, s := range []struct {
		title string
		list  []Change
	}{{"exit reason", d.Reasons}, {"port or device", d.Places}, {"where the guest was", d.Functions}} {
		differences(b, s.title, s.list)
	}
	return b.Flush()
}

func differences(w io.Writer, title string, list []Change) {
	if len(list) == 0 {
		return
	}
	left := max(0, len(list)-mostRows)
	list = list[:len(list)-left]
	width := utf8.RuneCountInString(title)
	for _, c := range list {
		width = max(width, utf8.RuneCountInString(c.Name))
	}
	fmt.Fprintf(w, "\n%-*s %9s %9s %9s %11s %11s\n", width, title, "before", "after", "change", "total", "then")
	for _, c := range list {
		fmt.Fprintf(w, "%-*s %9d %9d %9s %11v %11v\n", width, c.Name, c.Before, c.After, c.sign(), c.Time.Round(time.Microsecond), c.Later.Round(time.Microsecond))
	}
	if left > 0 {
		fmt.Fprintf(w, "... and %d more, which differ less (the JSON has all)\n", left)
	}
}

func (c *Change) sign() string {
	switch {
	case c.After > c.Before:
		return fmt.Sprintf("+%d", c.size())
	case c.After < c.Before:
		return fmt.Sprintf("-%d", c.size())
	}
	return "="
}
