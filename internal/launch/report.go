package launch

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"terem/internal/machine"
)

// writeReport prints the exit ledger on standard error: standard output is the
// guest's.
func writeReport(o *Options, r machine.Report) error {
	if o.Exits == "json" {
		e := json.NewEncoder(o.Stderr)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	writeTable(o.Stderr, r)
	return nil
}

func writeTable(w io.Writer, r machine.Report) {
	total := r.InGuest + r.InVMM
	fmt.Fprintf(w, "\nExit ledger: %d vCPU, %v; %.1f %% of the vCPU time in KVM_RUN, %.1f %% in terem\n",
		r.VCPUs, r.Wall.Round(time.Millisecond), percent(r.InGuest, total), percent(r.InVMM, total))
	if len(r.Phases) > 0 {
		fmt.Fprintf(w, "phases: %s\n", phases(r.Phases))
	}
	section(w, "exit reason", r.Exits)
	section(w, "port or device", r.Places)
	section(w, "finished for KVM", r.Finished)
	if len(r.KVM) > 0 {
		fmt.Fprintf(w, "KVM counts %d exits, %d instructions interpreted, %d halts, %d interrupts injected\n",
			r.KVM["exits"], r.KVM["insn_emulation"], r.KVM["halt_exits"], r.KVM["irq_injections"])
	}
}

// phases writes "create 2.1ms, load 20ms".
func phases(all []machine.Phase) string {
	words := make([]string, len(all))
	for i, p := range all {
		round := 10 * time.Microsecond
		if p.Time >= time.Second {
			round = 10 * time.Millisecond
		}
		words[i] = fmt.Sprintf("%s %v", p.Name, p.Time.Round(round))
	}
	return strings.Join(words, ", ")
}

func section(w io.Writer, title string, rows []machine.Row) {
	if len(rows) == 0 {
		return
	}
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.Style().Options.SeparateColumns = false
	t.Style().Options.DrawBorder = false
	t.Style().Format.Header = text.FormatDefault
	right := func(name string) table.ColumnConfig {
		return table.ColumnConfig{Name: name, Align: text.AlignRight, AlignHeader: text.AlignRight}
	}
	t.SetColumnConfigs([]table.ColumnConfig{right("address"), right("count"), right("writes"), right("total"), right("each")})
	t.AppendHeader(table.Row{title, "address", "count", "writes", "total", "each"})
	for _, r := range rows {
		addr, writes := "", ""
		if r.Addr != 0 {
			addr = fmt.Sprintf("%#x", r.Addr)
		}
		if r.Writes != 0 {
			writes = fmt.Sprint(r.Writes)
		}
		each := (r.Time / time.Duration(max(r.Count, 1))).Round(10 * time.Nanosecond)
		t.AppendRow(table.Row{r.Name, addr, r.Count, writes, r.Time.Round(time.Microsecond), each})
	}
	t.Render()
}

func percent(part, whole time.Duration) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}
