package report

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"

	"terem/internal/compare/result"
	"terem/internal/measure/stats"
)

// alpha is the chance of one false alarm or more among all rows.
const alpha = 0.01

// change is a row that both reports have.
type change struct {
	of       *result.Series // of the new report
	title    string         // of its target
	measure  result.Measure
	old, new float64 // medians
	p        float64 // of the permutation test
	differs  bool    // after Holm's correction
}

// perhaps says whether the row would be said to differ if it were the only one.
func (c change) perhaps() bool { return !c.differs && c.p < alpha }

// Changes writes what changed against an older report: rows whose samples differ by a
// permutation test with p < 0.01 after Holm's correction over all rows, so that a report
// against its equal raises a false alarm in one of a hundred comparisons at most. Few
// samples cannot pass that among many rows (eight against eight give p = 0.003 at best),
// so rows that pass without the correction are shown as "perhaps". It fails only if w
// does.
func Changes(w io.Writer, old, new *result.Result, o Options) error {
	if o.Width == 0 {
		o.Width = defaultWidth
	}
	p := &page{width: max(o.Width, leastWidth), color: o.Color}
	p.line("")
	p.line(p.paint(bold, fmt.Sprintf("Against the report of %s", old.Started.UTC().Format("2006-01-02 15:04 UTC"))))
	for _, warning := range unlike(old, new) {
		p.hanging(p.paint(yellow, fmt.Sprintf("%-*s", nameWidth, "WARNING")), warning)
	}
	both, only := compare(old, new)
	p.changes(both)
	for _, words := range only {
		p.hanging("  ", words)
	}
	if _, err := io.WriteString(w, p.b.String()); err != nil {
		return fmt.Errorf("write the changes: %w", err)
	}
	return nil
}

// compare tests every row that both have, and says which only one has.
func compare(old, new *result.Result) (both []change, only []string) {
	var came, went []string
	for _, s := range new.Series {
		was := old.Find(s.Measure, s.Target, s.Part)
		if was == nil || len(was.Samples) == 0 || len(s.Samples) == 0 {
			if len(s.Samples) > 0 {
				came = append(came, rowName(new, s))
			}
			continue
		}
		m, _ := result.Of(s.Measure)
		both = append(both, change{of: s, title: target(new, s.Target).Title, measure: m, old: stats.Median(was.Samples), new: stats.Median(s.Samples)})
	}
	for _, s := range old.Series {
		now := new.Find(s.Measure, s.Target, s.Part)
		if len(s.Samples) > 0 && (now == nil || len(now.Samples) == 0) {
			went = append(went, rowName(old, s))
		}
	}
	for i := range both {
		was := old.Find(both[i].of.Measure, both[i].of.Target, both[i].of.Part)
		both[i].p = stats.DifferWithin(was.Samples, both[i].of.Samples, new.Method.Seed, shuffles(len(both)))
	}
	holm(both)
	return both, append(some("Only now", came), some("No longer", went)...)
}

// shuffles are as many as a test needs to give a p below the smallest that Holm's
// correction of n rows asks for, and some more.
func shuffles(n int) int {
	const more = 1.25
	return max(stats.Resamples, int(more*float64(n)/alpha))
}

// holm marks the rows that differ (Holm, A Simple Sequentially Rejective Multiple Test
// Procedure, 1979): the i-th smallest of n has to be below alpha/(n-i).
func holm(rows []change) {
	least := make([]*change, len(rows)) // p first
	for i := range rows {
		least[i] = &rows[i]
	}
	slices.SortStableFunc(least, func(a, b *change) int { return cmp.Compare(a.p, b.p) })
	for i, c := range least {
		if c.p >= alpha/float64(len(rows)-i) {
			return
		}
		c.differs = true
	}
}

// changes writes the rows that differ: first those that do for certain, of each sort
// those that changed most.
func (p *page) changes(both []change) {
	var list []change
	perhaps := 0
	for _, c := range both {
		if c.differs || c.perhaps() {
			list = append(list, c)
		}
		if c.perhaps() {
			perhaps++
		}
	}
	if len(both) == 0 {
		p.line("The two reports have no row in common.")
		return
	}
	if len(list) > 0 {
		slices.SortStableFunc(list, func(a, b change) int {
			return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(b.size(), a.size()))
		})
		p.line(p.changeTable(list))
	}
	if perhaps > 0 {
		p.hanging("", fmt.Sprintf("perhaps: the row alone differs (p < %v), but of %d rows about %.1f do so by chance; measure more rounds.", alpha, len(both),
			alpha*float64(len(both))))
	}
	if len(list) == perhaps {
		p.hanging("", fmt.Sprintf("Nothing changed for certain: with all %d %s looked at, no samples tell the two reports apart.", len(both), plural(len(both), "row")))
	} else if same := len(both) - len(list); same > 0 {
		p.hanging("", fmt.Sprintf("%d of %d rows did not change, as far as the samples tell.", same, len(both)))
	}
}

func order(c change) int {
	if c.differs {
		return 0
	}
	return 1
}

func (p *page) changeTable(list []change) string {
	const widest = 3 // columns in level of widths: measure by title, by name
	rendered := ""
	for level := range widest {
		t := plain()
		t.AppendHeader(table.Row{"measure", "target", "before", "now", "change", ""})
		t.SetColumnConfigs([]table.ColumnConfig{align(0, false), align(1, false), align(2, true), align(3, true), align(4, true), align(5, false)})
		for _, c := range list {
			t.AppendRow(table.Row{c.name(level), c.target(level), one(c.of.Unit, c.old), one(c.of.Unit, c.new), c.percent(), p.verdict(c)})
		}
		if rendered = trim(t.Render()); widthOf(rendered) <= p.width {
			break
		}
	}
	return rendered
}

func (c change) name(level int) string {
	if level == 0 && c.measure.Title != "" {
		return c.measure.Title
	}
	return clean(c.of.Measure, nameLimit)
}

func (c change) target(level int) string {
	const short = 18
	s := c.title
	if c.of.Part != "" {
		s += ", " + clean(c.of.Part, nameLimit)
	}
	if level > 1 {
		return clean(s, short)
	}
	return s
}

// size is the distance of the medians as a ratio, of either direction.
func (c change) size() float64 {
	if d := math.Abs(math.Log(c.new / c.old)); !math.IsNaN(d) {
		return d
	}
	return math.Inf(1)
}

func (c change) percent() string {
	if c.old == 0 {
		return "from 0"
	}
	sign := "+"
	if c.new < c.old {
		sign = "−"
	}
	return sign + percent(math.Abs(c.new-c.old)/math.Abs(c.old))
}

// verdict says whether the change is for the better.
func (p *page) verdict(c change) string {
	maybe := ""
	if c.perhaps() {
		maybe = "perhaps "
	}
	switch {
	case c.new == c.old:
		return maybe + "spread" // the medians agree, the test saw another order
	case (c.new > c.old) == c.measure.More:
		return p.paint(green, maybe+"better")
	}
	return p.paint(red, maybe+"worse")
}

func rowName(r *result.Result, s *result.Series) string {
	name := clean(s.Measure, nameLimit) + " of " + target(r, s.Target).Title
	if s.Part != "" {
		name += " (" + clean(s.Part, nameLimit) + ")"
	}
	return name
}

// some lists the first few of many names.
func some(what string, names []string) []string {
	const most = 6
	switch n := len(names); {
	case n == 0:
		return nil
	case n > most:
		return []string{fmt.Sprintf("%s: %s and %d more.", what, join(names[:most]), n-most)}
	}
	return []string{what + ": " + join(names) + "."}
}

// unlike says why the reports may not be comparable.
func unlike(old, new *result.Result) []string {
	a, b := old.Host, new.Host
	var list []string
	for _, f := range []struct{ what, old, new string }{
		{"CPU", a.CPU, b.CPU}, {"number of CPUs", fmt.Sprint(a.CPUs), fmt.Sprint(b.CPUs)}, {"memory", a.Memory, b.Memory},
		{"kernel", a.Kernel, b.Kernel}, {"KVM", a.KVM, b.KVM}, {"governor", cmp.Or(a.Governor, "unknown"), cmp.Or(b.Governor, "unknown")},
		{"program", old.Method.Program, new.Method.Program}, {"gap", old.Method.Gap.String(), new.Method.Gap.String()},
	} {
		if f.old != f.new {
			list = append(list, fmt.Sprintf("%s: %s then, %s now", f.what, clean(f.old, nameLimit), clean(f.new, nameLimit)))
		}
	}
	if len(list) > 0 {
		list = []string{"The two were not measured alike, so a change may not be terem's or an engine's. " + join(list) + "."}
	}
	if old.Ended != "" || new.Ended != "" {
		list = append(list, "One of the two ended before its time.")
	}
	return list
}
