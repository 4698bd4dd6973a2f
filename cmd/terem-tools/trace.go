package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"terem/internal/cli/watch"
	"terem/internal/cli/watch/report"
	"terem/internal/fault"
	"terem/vcpu/trace"
)

const traceLong = `Show why a guest left, and for how long, from a file of "terem run --trace": by reason, by port or
device, and by the function of its kernel. --list has a line for each exit: the time since the run began, the vCPU,
the reason, what was written (->) or read (<-) and where, and the instruction.

The file is written when the run ends, and has a million exits, the last ones. docs/watching.md has its format.`

const traceExample = `  terem run --trace boot.trace -- true
  terem trace boot.trace
  terem trace boot.trace --html boot.html        a page with a timeline
  terem trace boot.trace --list | grep serial
  terem run --trace serial.trace --trace-only io -- true
  terem trace diff before.trace after.trace`

// traceFlags are the flags of `terem trace` and `terem profile`, as typed.
type traceFlags struct {
	html, symbols string
	json, list    bool
}

func newTrace() *cobra.Command {
	f := &traceFlags{}
	c := &cobra.Command{
		Use:     "trace file",
		Short:   "Show why a guest left: what `terem run --trace` has written",
		Long:    traceLong,
		Example: traceExample,
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return f.show(args[0]) },
	}
	f.define(c)
	c.Flags().BoolVarP(&f.list, "list", "l", false, "print every exit")
	d := &traceFlags{}
	diff := &cobra.Command{
		Use:   "diff before after",
		Short: "Show what is different between two traces, or two profiles",
		Args:  cobra.ExactArgs(2),
		RunE:  func(_ *cobra.Command, args []string) error { return d.diff(args[0], args[1]) },
	}
	diff.Flags().BoolVar(&d.json, "json", false, "print all of it as JSON")
	diff.Flags().StringVar(&d.symbols, "symbols", "", "take names from this System.map (`file`)")
	c.AddCommand(diff)
	return c
}

const profileLong = `Show where a guest's kernel spends its time, from a file of "terem run --profile": a thousand times a second
each vCPU was taken out of the guest for a moment, and its instruction noted. Programs are one row: their symbols
nobody knows here. Where a kernel is idle, its halt is a row, too.`

func newProfile() *cobra.Command {
	f := &traceFlags{}
	c := &cobra.Command{
		Use:     "profile file",
		Short:   "Show where a guest was: what `terem run --profile` has written",
		Long:    profileLong,
		Example: "  terem run --profile boot.profile -- true\n  terem profile boot.profile\n  terem profile boot.profile --html boot.html",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return f.show(args[0]) },
	}
	f.define(c)
	return c
}

func (f *traceFlags) define(c *cobra.Command) {
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringVar(&f.html, "html", "", "write a page with a timeline to a `file`")
	fs.BoolVar(&f.json, "json", false, "print the sums as JSON")
	fs.StringVar(&f.symbols, "symbols", "", "take names from this System.map (`file`), for a kernel that is not terem's own")
}

func (f *traceFlags) show(path string) error {
	t, err := f.read(path)
	if err != nil {
		return err
	}
	if f.html != "" {
		if err := writable(f.html); err != nil {
			return &fault.Error{Class: fault.Usage, Thing: "--html " + f.html, Err: fault.Reason(err), Mend: "name a file that can be written"}
		}
		return toFile(f.html, func(w io.Writer) error { return report.HTML(w, t) })
	}
	switch {
	case f.json:
		return printJSON(report.Sum(t))
	case f.list:
		return report.List(os.Stdout, t)
	}
	return report.Table(os.Stdout, report.Sum(t))
}

func (f *traceFlags) diff(before, after string) error {
	a, err := f.read(before)
	if err != nil {
		return err
	}
	b, err := f.read(after)
	if err != nil {
		return err
	}
	d := report.Compare(report.Sum(a), report.Sum(b))
	if f.json {
		return printJSON(d)
	}
	return d.Table(os.Stdout)
}

// mostTrace is more than a trace can have, in bytes: it is read at once.
const mostTrace = 1 << 30

// read reads a trace, and gives it other names if they are wanted.
func (f *traceFlags) read(path string) (*trace.Trace, error) {
	bad := func(err error, mend string) error {
		return &fault.Error{Class: fault.Usage, Thing: "trace " + path, Err: fault.Reason(err), Mend: mend}
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, bad(err, "`terem run --trace "+path+"` writes one")
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, mostTrace+1))
	if err != nil {
		return nil, bad(err, "")
	}
	if len(b) > mostTrace {
		return nil, bad(fmt.Errorf("it has more than %d bytes, and no trace of terem's has", mostTrace), "")
	}
	t, err := trace.Read(b)
	if err != nil {
		return nil, bad(err, "")
	}
	if f.symbols == "" {
		return t, nil
	}
	table, err := watch.ReadSymbols(f.symbols)
	if err != nil {
		return nil, &fault.Error{Class: fault.Usage, Thing: "--symbols " + f.symbols, Err: fault.Reason(err), Mend: "name a kernel's System.map"}
	}
	watch.Name(t, table)
	return t, nil
}

func printJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
