package report

import (
	"math"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"terem/internal/compare/result"
)

// stacks writes a measure of parts: one column for each part and the total. Targets with
// different parts have tables of their own.
func (p *page) stacks(s *sheet) {
	if len(s.Stacks) == 0 {
		p.title(s.Measure.Title, "", s.Measure.More)
	}
	for _, alike := range alike(s.Stacks, s.Measure.Group) {
		low, high := extent(alike, s.Measure.Group)
		scale := scaleFor(s.Measure.Unit, low, high)
		p.title(s.Measure.Title+" (medians; total: their sum)", scale.name, s.Measure.More)
		p.line(p.stackTable(alike, scale, s.Measure.Group))
	}
}

// extent is from the least to the greatest number that is worth its digits: phases
// matter one by one, of memory the totals.
func extent(list []stack, group string) (low, high float64) {
	low = math.Inf(1)
	for _, k := range list {
		high = max(high, k.Total)
		if group == result.GroupMemory {
			low = min(low, k.Total)
			continue
		}
		for _, p := range k.Parts {
			low = min(low, p.Value)
		}
	}
	return low, high
}

// alike splits phases by their parts; memory is compared in one table.
func alike(list []stack, group string) [][]stack {
	if len(list) == 0 {
		return nil
	}
	if group != result.GroupPhases {
		return [][]stack{list}
	}
	var sets [][]stack
	for _, k := range list {
		i := slices.IndexFunc(sets, func(set []stack) bool { return slices.Equal(names(set[0].Parts), names(k.Parts)) })
		if i < 0 {
			sets = append(sets, []stack{k})
			continue
		}
		sets[i] = append(sets[i], k)
	}
	return sets
}

func names(parts []part) []string {
	var list []string
	for _, p := range parts {
		list = append(list, p.Name)
	}
	return list
}

// union lists all parts of some stacks, in their order.
func union(list []stack, group string) []string {
	var all []string
	for _, k := range list {
		for _, name := range names(k.Parts) {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	if group == result.GroupMemory {
		slices.SortStableFunc(all, func(a, b string) int { return depth(a) - depth(b) })
	}
	return all
}

// stackTable draws stacks with a column for each part; if that is too wide, with the parts
// as words.
func (p *page) stackTable(list []stack, scale scale, group string) string {
	parts := union(list, group)
	wide := p.stackColumns(list, parts, scale)
	if text.LongestLineLen(wide) <= p.width {
		return wide
	}
	var b strings.Builder
	for _, k := range list {
		q := &page{width: p.width, color: p.color}
		q.hanging(" "+k.Of.Title+": ", scale.number(k.Total)+" = "+sum(k.Parts, scale))
		b.WriteString(q.b.String())
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func sum(parts []part, scale scale) string {
	var list []string
	for _, p := range parts {
		list = append(list, clean(p.Name, nameLimit)+" "+scale.number(p.Value))
	}
	return strings.Join(list, " + ")
}

func (p *page) stackColumns(list []stack, parts []string, scale scale) string {
	t := plain()
	header, configs := table.Row{"target", "n"}, []table.ColumnConfig{align(0, false), align(1, true)}
	for i, name := range append(parts, "total") {
		header = append(header, clean(name, nameLimit))
		configs = append(configs, align(i+2, true))
	}
	t.AppendHeader(header)
	t.SetColumnConfigs(configs)
	for _, k := range list {
		cells := table.Row{clean(k.Of.Title, longName), k.N}
		for _, name := range parts {
			cells = append(cells, p.partCell(k, name, scale))
		}
		t.AppendRow(append(cells, scale.number(k.Total)))
	}
	return trim(t.Render())
}

// partCell is a part's number; one that is noisy has a question mark.
func (p *page) partCell(k stack, name string, scale scale) string {
	for _, part := range k.Parts {
		if part.Name != name {
			continue
		}
		if part.Noisy {
			return p.paint(yellow, "~"+scale.number(part.Value))
		}
		return scale.number(part.Value)
	}
	return ""
}
