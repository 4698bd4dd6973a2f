package report

import (
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
)

// inside writes what the kernel saw of one run of each target: a table of counts, the
// namespaces that are not the host's, and the most frequent calls below it.
func (p *page) inside(w within) {
	if len(w.Rows) == 0 {
		return
	}
	p.line("\n" + p.paint(bold, "What the host's kernel saw of one run"))
	t := plain()
	t.AppendHeader(table.Row{"target", "calls", "processes", "threads", "KVM exits"})
	t.SetColumnConfigs([]table.ColumnConfig{align(0, false), align(1, true), align(2, true), align(3, true), align(4, true)})
	for _, i := range w.Rows {
		t.AppendRow(table.Row{title(i.Of, p.level), i.Syscalls, i.Processes, i.Threads, i.Exits})
	}
	p.line(trim(t.Render()))
	p.line("\n" + p.paint(bold, "Namespaces of its own, and what it called most"))
	for _, i := range w.Rows {
		about := []string{i.namespaces()}
		for _, s := range []string{i.Top, i.Note} {
			if s != "" {
				about = append(about, s)
			}
		}
		p.hanging("  "+i.Of.Title+": ", strings.Join(about, "; "))
	}
}

// namespaces names those that a target does not share with the host.
func (i inner) namespaces() string {
	var own []string
	for _, s := range i.Spaces {
		if s.Own {
			own = append(own, s.Kind)
		}
	}
	switch {
	case len(own) > 0:
		return strings.Join(own, " ")
	case slices.ContainsFunc(i.Spaces, func(s space) bool { return s.Known }):
		return "the host's namespaces"
	}
	return "namespaces unknown"
}
