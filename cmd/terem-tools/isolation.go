package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"terem/internal/cli/command"
	"terem/internal/cli/signals"
	"terem/internal/cli/tty"
	"terem/internal/fault"
	"terem/internal/lab"
	"terem/internal/lab/result"
	"terem/internal/lab/show"
)

const isolationLong = `Two programs run beside each other, and one attacks the other: as processes, in two
containers, in two containers with limits, in two virtual machines. Each attack really
happens, and what becomes of it is what the victim sees.

What harms a whole machine (rows with a star) never runs on this one: processes and
containers are then in a virtual machine that is thrown away. Such rows, and the VM
column, need KVM; limits need root. What cannot run says so, and the rest runs.

--targets adds a column for each engine of this host: crun, runc and gVisor's runsc with a
configuration of the kind that engines give them, podman and docker as they are. crun and
runc are taken along into those machines; the others have no rows with a star.

Verdicts:
  harmed     the victim was killed, changed, or found out
  degraded   it gets less than 75 % of what it gets alone
  safe       nothing of that, from an attack that took place
  unclear    the numbers do not tell, or the attack did not come to its end
  123 calls  so many of the attacker's system calls did the victim's kernel answer;
             "not counted": another kernel did
  not run    a line below the table says why
A "!" marks what came otherwise than expected: a finding, or a host that is set up so.

Exit status:
  0      run, also if some cells could not be
  64     usage: a flag is wrong
  69     host: no guest's root file system, no space, or something that was made could not be
         removed
  130    interrupted; what was found out until then is printed and written`

const isolationExample = `  terem lab isolation                         the whole matrix
  terem lab isolation --row kill,cpu          two rows
  terem lab isolation --targets               and engines that are on this host
  terem lab isolation --targets=crun          one of them (with the "=")
  terem lab isolation --explain panic         what is done, and what decides it
  terem lab isolation --html matrix.html      a page with all that was seen`

// isolationFlags are the flags of `terem lab isolation` as typed.
type isolationFlags struct {
	o                   lab.Options
	json, html, explain string
}

func newIsolation(status *int) *cobra.Command {
	f := &isolationFlags{}
	c := &cobra.Command{
		Use:     "isolation [flags]",
		Short:   "Attack a neighbour as a process, in a container and in a VM",
		Long:    isolationLong,
		Example: isolationExample,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			*status, err = f.run(c)
			return err
		},
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringSliceVarP(&f.o.Rows, "row", "r", nil, "`names` of the rows to run: "+strings.Join(lab.Rows(), ", ")+" (default: all)")
	fs.StringSliceVarP(&f.o.Columns, "column", "c", nil, "`names` of the columns: "+strings.Join(lab.Columns(), ", ")+" (default: all)")
	fs.StringSliceVarP(&f.o.Targets, "targets", "t", nil, "further columns: `engines` of this host, "+strings.Join(lab.Targets(), ", ")+" (all that are there)")
	fs.Lookup("targets").NoOptDefVal = lab.Found
	fs.StringVarP(&f.explain, "explain", "e", "", "explain a `row`, and run nothing")
	fs.StringVar(&f.json, "json", "", "write all that was seen to a `file`; - is standard output, in place of the table")
	fs.StringVar(&f.html, "html", "", "write a page with all that was seen to a `file`")
	complete(c, map[string]cobra.CompletionFunc{"row": words(lab.Rows()...), "column": words(lab.Columns()...), "targets": words(lab.Targets()...), "explain": words(lab.Rows()...)})
	return c
}

// run runs the matrix and writes what was found out, also when it was interrupted.
func (f *isolationFlags) run(c *cobra.Command) (status int, err error) {
	for _, name := range []string{"row", "column", "targets", "explain", "json", "html"} {
		if flag := c.Flag(name); flag.Changed && strings.Trim(flag.Value.String(), "[]") == "" {
			return 0, &command.UsageError{Command: c.CommandPath(), Err: fmt.Errorf("--%s: its value is empty", name)}
		}
	}
	if f.explain != "" {
		return 0, f.explainRow()
	}
	if err := f.check(); err != nil {
		return 0, err
	}
	ctx, stop := signals.Context(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// SIGPIPE comes whenever a victim has been killed that is spoken to. That nobody reads what terem says shows when it says it.
	signals.Listen(make(chan os.Signal, 1), syscall.SIGPIPE)
	f.o.Progress = f.progress(&teller{w: os.Stderr, failed: stop})
	m, err := lab.Run(ctx, f.o)
	f.o.Progress.Close()
	const interrupted = 130 // as a shell has it for SIGINT
	switch {
	case m == nil && ctx.Err() != nil:
		return interrupted, nil
	case m == nil:
		return 0, err
	case m.Ended != "":
		status = interrupted
		fmt.Fprintln(os.Stderr, "terem: interrupted; what follows was found out until then")
	}
	return status, errors.Join(err, f.write(m))
}

func (f *isolationFlags) explainRow() error {
	if !slices.Contains(lab.Rows(), f.explain) {
		return &fault.Error{Class: fault.Usage, Thing: "--explain " + f.explain, Cause: "not one that is known", Mend: "choose from " + strings.Join(lab.Rows(), ", ")}
	}
	m, err := lab.Plan(context.Background(), lab.Options{Rows: []string{f.explain}, Targets: f.o.Targets})
	if err != nil {
		return err
	}
	return show.Explain(os.Stdout, m.Rows[0], m.Columns)
}

// check refuses, before anything is run, what would fail at the end.
func (f *isolationFlags) check() (err error) {
	if f.json != "" && f.html != "" && target(f.json) == target(f.html) {
		return &fault.Error{Class: fault.Usage, Thing: "--json " + f.json + " --html " + f.html, Cause: "one would replace the other"}
	}
	for flag, path := range map[string]string{"--json": f.json, "--html": f.html} {
		if isOutput(path) {
			return &fault.Error{Class: fault.Usage, Thing: flag + " " + path, Cause: "it is standard output, too, and would replace that"}
		}
		if err := writable(path); err != nil {
			return &fault.Error{Class: fault.Usage, Thing: flag + " " + path, Err: err, Mend: "name a file in a directory that can be written"}
		}
	}
	if f.o.Terem, err = command.Caller(); err != nil {
		return err
	}
	if f.o.CacheDir, err = command.CacheDir(); err != nil {
		return err
	}
	f.o.Version = command.Version()
	return nil
}

// teller writes until that fails, and then calls off.
type teller struct {
	w      io.Writer
	failed func()
}

func (t *teller) Write(p []byte) (int, error) {
	n, err := t.w.Write(p)
	if err != nil {
		t.failed()
	}
	return n, err
}

// progress is drawn in place on a terminal.
func (f *isolationFlags) progress(w io.Writer) lab.Progress {
	if !tty.IsTerminal(os.Stderr) || os.Getenv("TERM") == "dumb" {
		return &show.Lines{W: w}
	}
	cols, rows := tty.Size(os.Stderr)
	return &show.Live{W: w, O: show.Options{Color: tty.Colors(os.Stderr)}, Rows: rows, Cols: cols}
}

func (f *isolationFlags) write(m *result.Matrix) error {
	var err error
	if f.json != "-" {
		err = show.Table(os.Stdout, m, show.Options{Color: tty.Colors(os.Stdout)})
	}
	return errors.Join(err, toFile(f.json, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(m)
	}), toFile(f.html, func(w io.Writer) error { return show.HTML(w, m) }))
}
