package launch

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"terem/internal/vm/machine"
)

// writeReport writes the exit ledger as a table or as JSON.
func writeReport(w io.Writer, form string, r machine.Report) error {
	if form == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	writeTable(w, r)
	return nil
}

func writeTable(w io.Writer, r machine.Report) {
	total := r.InGuest + r.InVMM
	fmt.Fprintf(w, "\nExit ledger: %s, %v; %.1f %% of the vCPU time in KVM_RUN, %.1f %% in terem\n",
		vcpus(r.VCPUs), r.Wall.Round(time.Millisecond), percent(r.InGuest, total), percent(r.InVMM, total))
	if len(r.Phases) > 0 {
		fmt.Fprintf(w, "phases: %s\n", phases(r.Phases))
	}
	width := nameWidth(r.Exits, r.Places, r.Finished)
	section(w, width, "exit reason", r.Exits)
	section(w, width, "port or device", r.Places)
	section(w, width, "finished for KVM", r.Finished)
	for _, instruction := range r.Instead {
		fmt.Fprintf(w, "an exception instead: %s\n", instruction)
	}
	if len(r.KVM) > 0 {
		fmt.Fprintf(w, "\nKVM counts %d exits, %d instructions interpreted, %d halts, %d interrupts injected\n",
			r.KVM["exits"], r.KVM["insn_emulation"], r.KVM["halt_exits"], r.KVM["irq_injections"])
	}
}

func vcpus(n int) string {
	if n == 1 {
		return "1 vCPU"
	}
	return fmt.Sprintf("%d vCPUs", n)
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

// section writes one table. Its columns are as wide as those of the others, so that they
// stand below each other.
func section(w io.Writer, width int, title string, rows []machine.Row) {
	if len(rows) == 0 {
		return
	}
	line := func(name, addr, count, writes, total, each string) {
		fmt.Fprintf(w, "%-*s %10s %8s %8s %11s %10s\n", width, name, addr, count, writes, total, each)
	}
	fmt.Fprintln(w)
	line(title, "address", "count", "writes", "total", "each")
	for _, r := range rows {
		addr, writes := "", ""
		if r.Addr != 0 {
			addr = fmt.Sprintf("%#x", r.Addr)
		}
		if r.Writes != 0 {
			writes = fmt.Sprint(r.Writes)
		}
		each := (r.Time / time.Duration(max(r.Count, 1))).Round(10 * time.Nanosecond)
		line(r.Name, addr, fmt.Sprint(r.Count), writes, r.Time.Round(time.Microsecond).String(), each.String())
	}
}

// nameWidth is how wide the first column must be, in characters.
func nameWidth(tables ...[]machine.Row) int {
	width := len("finished for KVM")
	for _, rows := range tables {
		for _, r := range rows {
			width = max(width, utf8.RuneCountInString(r.Name))
		}
	}
	return width
}

func percent(part, whole time.Duration) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}
