package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"terem/internal/cli/command"
	"terem/internal/cli/signals"
	"terem/internal/cli/tty"
	"terem/internal/compare"
	"terem/internal/compare/report"
	"terem/internal/compare/result"
	"terem/internal/fault"
)

const compareLong = `Run one program as a process, in containers and in virtual machines, and measure what
each costs: to start, to work, to read a disk, to idle.

Every technology that the host has takes part; what is missing is listed with the command
that installs it. Runs are interleaved in random order, and ratios are taken round by round;
the page of --html explains the method. Nothing that terem did not make is touched, and what
it makes is taken away again.

Exit status:
  0      measured, also if some targets are missing or fail
  64     usage: a flag is wrong
  69     host: no guest's root file system, no space, nothing runs here
  130    interrupted; what was measured until then is printed and written`

const compareExample = `  terem compare                                  all of it, in less than eight minutes
  terem compare --quick                          starts alone, in less than ninety seconds
  terem compare --html report.html               a page with plots
  terem compare --json a.json; ...; terem compare --against a.json
  terem compare --targets process,container,vm --measure start,memory
  terem compare --quick --explain                what the kernel sees of each`

// compareFlags are the flags of `terem compare` as typed.
type compareFlags struct {
	o                   compare.Options
	json, html, against string
	old                 *result.Result
}

func newCompare(status *int) *cobra.Command {
	f := &compareFlags{}
	c := &cobra.Command{
		Use:     "compare [flags]",
		Short:   "Measure process, containers and VMs side by side",
		Long:    compareLong,
		Example: compareExample,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			*status, err = f.run(c)
			return err
		},
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.BoolVarP(&f.o.Quick, "quick", "q", false, "measure starts alone, in fewer rounds")
	fs.StringSliceVarP(&f.o.Targets, "targets", "t", nil, "`names` of the targets to measure (default: all)")
	fs.StringSliceVarP(&f.o.Groups, "measure", "m", nil, "what to measure (`groups`): "+strings.Join(compare.Groups(), ", ")+" (default: all but density)")
	fs.IntVarP(&f.o.Rounds, "rounds", "n", 0, "`number` of rounds of starts (default: 30; 8 for what takes seconds)")
	fs.Uint64Var(&f.o.Seed, "seed", 0, "`number` that sets the order of runs (default: another each time)")
	fs.DurationVar(&f.o.Gap, "gap", compare.DefaultGap, "`time` to wait before each run")
	fs.BoolVarP(&f.o.Explain, "explain", "e", false, "show what the kernel sees of each target")
	fs.StringVar(&f.json, "json", "", "write the result and all samples to a `file`; - is standard output, in place of tables")
	fs.StringVar(&f.html, "html", "", "write a page with plots to a `file`")
	fs.StringVar(&f.against, "against", "", "say what changed since the result in a `file` of --json")
	for name, words := range map[string]func() []string{"targets": compare.Names, "measure": compare.Groups} {
		complete := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return words(), cobra.ShellCompDirectiveNoFileComp // asked for by a shell, and not at each start
		}
		if err := c.RegisterFlagCompletionFunc(name, complete); err != nil {
			panic(err) // a flag of that name is defined above
		}
	}
	return c
}

// run compares and writes what was found out, also when it was interrupted.
func (f *compareFlags) run(c *cobra.Command) (status int, err error) {
	if err := f.check(c); err != nil {
		return 0, err
	}
	// SIGPIPE comes when nobody reads what terem prints any more, as in `terem compare | head`:
	// it must not end terem before all is taken away again.
	ctx, stop := signals.Context(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	r, err := compare.Run(ctx, f.o)
	f.o.Progress.Close()
	if r == nil {
		return 0, err
	}
	if errors.Is(err, context.Canceled) {
		const interrupted = 130 // as a shell has it for SIGINT
		status = interrupted
		fmt.Fprintln(os.Stderr, "terem: interrupted; what follows was measured until then")
		err = nil
	}
	return status, errors.Join(err, f.write(r))
}

// check refuses, before anything is measured, what would fail at the end.
func (f *compareFlags) check(c *cobra.Command) (err error) {
	if f.o.Rounds < 0 || c.Flag("rounds").Changed && f.o.Rounds == 0 {
		return &command.UsageError{Command: c.CommandPath(), Err: fmt.Errorf("--rounds %d: at least one is needed", f.o.Rounds)}
	}
	if f.o.Gap < 0 {
		return &command.UsageError{Command: c.CommandPath(), Err: fmt.Errorf("--gap %v: time does not run backwards", f.o.Gap)}
	}
	if f.o.Quick && c.Flag("measure").Changed && !slices.Equal(f.o.Groups, []string{result.GroupStart}) {
		return &command.UsageError{Command: c.CommandPath(), Err: fmt.Errorf("--quick --measure %s: --quick measures starts alone", strings.Join(f.o.Groups, ","))}
	}
	for _, name := range []string{"json", "html", "against", "targets", "measure"} {
		if flag := c.Flag(name); flag.Changed && strings.Trim(flag.Value.String(), "[]") == "" {
			return &command.UsageError{Command: c.CommandPath(), Err: fmt.Errorf("--%s: its value is empty", name)}
		}
	}
	if f.json != "" && f.html != "" && target(f.json) == target(f.html) {
		return &command.UsageError{Command: c.CommandPath(), Err: fmt.Errorf("--json %s --html %s: one would replace the other", f.json, f.html)}
	}
	for flag, path := range map[string]string{"--json": f.json, "--html": f.html} {
		if isOutput(path) {
			return &command.UsageError{Command: c.CommandPath(), Err: fmt.Errorf("%s %s: it is standard output, too, and would replace that", flag, path)}
		}
	}
	if f.against != "" {
		if f.old, err = report.Load(f.against); err != nil {
			return &fault.Error{Class: fault.Usage, Thing: "--against " + f.against, Err: err, Mend: "name a file that --json has written"}
		}
	}
	for flag, path := range map[string]string{"--json": f.json, "--html": f.html} {
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
	f.o.Version, f.o.Progress = command.Version(), report.NewProgress(os.Stderr)
	return nil
}

// target is the name of the file that would be replaced: links to it are followed.
func target(path string) string {
	if path == "-" {
		return path
	}
	const most = 40 // links in a row, as the kernel has it
	for range most {
		if to, err := filepath.EvalSymlinks(path); err == nil {
			path = to
			break
		}
		to, err := os.Readlink(path) // to what is not there yet
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		path = to
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(dir, filepath.Base(path))
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// isOutput says whether path is the regular file that standard output goes to.
func isOutput(path string) bool {
	st, err := os.Stat(path)
	out, err2 := os.Stdout.Stat()
	return err == nil && err2 == nil && st.Mode().IsRegular() && os.SameFile(st, out)
}

// writable says why a file could not be made or replaced, without touching it.
func writable(path string) error {
	if path == "" || path == "-" {
		return nil
	}
	path = target(path)
	switch st, err := os.Stat(path); {
	case err != nil: // it will be made
	case st.IsDir():
		return errors.New("is a directory")
	case !st.Mode().IsRegular():
		const toWrite = 2 // W_OK of access(2)
		return syscall.Access(path, toWrite)
	}
	probe, err := os.CreateTemp(filepath.Dir(path), ".terem-")
	if err != nil {
		return errors.Unwrap(err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// write writes tables, JSON, and a page.
func (f *compareFlags) write(r *result.Result) error {
	if f.json != "-" {
		columns, _ := tty.Size(os.Stdout)
		o := report.Options{Width: columns, Color: tty.Colors(os.Stdout)}
		if err := report.Table(os.Stdout, r, o); err != nil {
			return err
		}
		if f.old != nil {
			if err := report.Changes(os.Stdout, f.old, r, o); err != nil {
				return err
			}
		}
	}
	return errors.Join(
		toFile(f.json, func(w io.Writer) error {
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			return e.Encode(r)
		}),
		toFile(f.html, func(w io.Writer) error { return report.HTML(w, r) }))
}

// toFile writes a file whole or not at all; "-" is standard output, "" nothing. A link is
// followed, and what is no file, such as /dev/null or a pipe, is written to as it is: to give
// its name to a file would take it away.
func toFile(path string, write func(io.Writer) error) (err error) {
	switch path {
	case "":
		return nil
	case "-":
		return write(os.Stdout)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	path = target(path)
	st, err := os.Stat(path)
	if err == nil && !st.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(f), f.Close())
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".terem-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // it has another name by then, if all went well
	if st != nil {
		err = f.Chmod(st.Mode().Perm())
	} else {
		err = f.Chmod(newFile())
	}
	if err = errors.Join(err, write(f), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// newFile are the permissions that a new file gets.
func newFile() os.FileMode {
	mask := syscall.Umask(0)
	syscall.Umask(mask)
	const permissions = 0o666
	return permissions &^ os.FileMode(mask)
}
