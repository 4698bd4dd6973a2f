package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"terem/guest"
	"terem/internal/cli/command"
	"terem/internal/fault"
	"terem/internal/lab/exercise"
	"terem/internal/lab/grade"
)

const labStartLong = `Lay out exercise N in DIR: its statement, the files to change, and a module that builds with
no network. DIR is made, or is empty.`

// newExercises are the commands that grade nothing.
func newExercises() []*cobra.Command {
	var asJSON bool
	list := &cobra.Command{
		Use:   "exercises",
		Short: "List the exercises",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return listExercises(asJSON) },
	}
	list.Flags().BoolVar(&asJSON, "json", false, "print the list for a program")
	start := &cobra.Command{
		Use:     "start N DIR",
		Short:   "Lay out an exercise in a directory",
		Long:    labStartLong,
		Example: "  terem lab start 1 real-mode",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			e, err := exerciseOf(c, args[0])
			if err != nil {
				return err
			}
			if err := grade.Start(e, args[1]); err != nil {
				return err
			}
			fmt.Printf("exercise %d, %s: %s/README.md says what to do; `terem lab grade %d %s` says how far you are\n", e.Number, e.Title, args[1], e.Number, args[1])
			return nil
		},
	}
	build := &cobra.Command{
		Use:    "build N DIR PROGRAM",
		Short:  "Build what a grading runs, for --built on another host",
		Hidden: true,
		Args:   cobra.ExactArgs(3),
		RunE: func(c *cobra.Command, args []string) error {
			e, err := exerciseOf(c, args[0])
			if err != nil {
				return err
			}
			ctx, stop := interruptible()
			defer stop()
			return grade.Build(ctx, e, args[1], args[2])
		},
	}
	return []*cobra.Command{list, start, build}
}

func listExercises(asJSON bool) error {
	type row struct {
		Number int    `json:"number"`
		Title  string `json:"title"`
		Points int    `json:"points"`
	}
	var rows []row
	for _, e := range exercise.All() {
		rows = append(rows, row{e.Number, e.Title, e.Points()})
	}
	if asJSON {
		return json.NewEncoder(os.Stdout).Encode(rows)
	}
	for _, r := range rows {
		fmt.Printf("%2d  %s\n", r.Number, r.Title)
	}
	return nil
}

// exerciseOf finds an exercise by the number that a user gave.
func exerciseOf(c *cobra.Command, arg string) (*exercise.Exercise, error) {
	n, err := strconv.Atoi(arg)
	if err == nil {
		if e, ok := exercise.Find(n); ok {
			return e, nil
		}
	}
	return nil, &command.UsageError{Command: c.CommandPath(), Err: fmt.Errorf("%q is no exercise; `terem lab exercises` lists them", arg)}
}

const labGradeLong = `Grade what is in DIR as exercise N: build it, run it with inputs that nobody knew before, and
say of each mistake what was seen, what was expected, one cause, and where to read.

It runs in a container without a network, with 64 processes, 512 MiB, and 10 seconds for each
check; limits for all processes together need root. Only the Go files in DIR itself are taken. The
inputs are drawn by a seed, which is printed: the same seed asks the same again.

With --all, DIR has a directory for each student, and each is graded with the same seed.

Exit status:
  0   all is right
  1   something is wrong
  2   nothing is wrong, but not all could be run here: there is no KVM, no kernel
      to boot ("terem guest build" makes it), or no container
  64  usage: DIR has nothing to grade
  69  host: no Go, no room`

// labGrade are the flags.
type labGrade struct {
	seed  string
	json  bool
	all   bool
	csv   string
	noKVM bool
	limit time.Duration
	built bool
}

func newLabGrade(status *int) *cobra.Command {
	f := &labGrade{}
	c := &cobra.Command{
		Use:   "grade N DIR",
		Short: "Grade an exercise, or a class of them",
		Long:  labGradeLong,
		Example: `  terem lab grade 1 real-mode
  terem lab grade 1 real-mode --seed 0x7e4e
  sudo terem lab grade 1 --all submissions --csv points.csv`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := f.run(c, args[0], args[1])
			*status = s
			return err
		},
	}
	c.Flags().StringVar(&f.seed, "seed", "", "`number` that draws the inputs (default: another each time)")
	c.Flags().BoolVar(&f.json, "json", false, "print the report for a program")
	c.Flags().BoolVar(&f.all, "all", false, "grade each directory in DIR")
	c.Flags().StringVar(&f.csv, "csv", "", "with --all, write a table into this `file`")
	c.Flags().BoolVar(&f.noKVM, "no-kvm", false, "leave out what needs KVM")
	c.Flags().DurationVar(&f.limit, "time", 10*time.Second, "what each check gets, and twice that for all; more for a slow host")
	c.Flags().BoolVar(&f.built, "built", false, "DIR is a program of terem lab build")
	_ = c.Flags().MarkHidden("built") // there is such a flag
	return c
}

// run grades. The exit status counts where there is no error.
func (f *labGrade) run(c *cobra.Command, number, dir string) (status int, err error) {
	e, err := exerciseOf(c, number)
	if err != nil {
		return 0, err
	}
	o := grade.Options{Seed: rand.Uint64(), NoKVM: f.noKVM, Limit: f.limit, Kernel: labKernel(e)}
	if f.seed != "" {
		if o.Seed, err = strconv.ParseUint(f.seed, 0, 64); err != nil {
			return 0, &command.UsageError{Command: c.CommandPath(), Err: fmt.Errorf("--seed %s: want a number, as an earlier grading printed", f.seed)}
		}
	}
	const longest = time.Hour
	if f.limit <= 0 || f.limit > longest {
		return 0, &command.UsageError{Command: c.CommandPath(), Err: fmt.Errorf("--time %v: want more than nothing and at most %v", f.limit, longest)}
	}
	if !f.all && f.csv != "" {
		return 0, &command.UsageError{Command: c.CommandPath(), Err: errors.New("--csv: it is the table of --all")}
	}
	ctx, stop := interruptible()
	defer stop()
	if f.all {
		status, err = f.class(ctx, e, dir, o)
	} else {
		status, err = f.one(ctx, e, dir, o)
	}
	if errors.Is(err, context.Canceled) {
		const interrupted = 130 // as a shell has it for SIGINT
		fmt.Fprintln(os.Stderr, "terem: interrupted")
		return interrupted, nil
	}
	return status, err
}

// labKernel gives the guest's kernel to the exercise that boots one.
func labKernel(e *exercise.Exercise) func() []byte {
	if !e.BootsLinux() {
		return nil
	}
	return func() []byte {
		cache, err := guest.DefaultCacheDir()
		if err != nil {
			return nil
		}
		kernel, err := guest.FindKernel(cache)
		if err != nil {
			return nil
		}
		image, err := os.ReadFile(kernel.BzImage)
		if err != nil {
			return nil
		}
		return image
	}
}

func (f *labGrade) one(ctx context.Context, e *exercise.Exercise, dir string, o grade.Options) (status int, err error) {
	r := new(grade.Report)
	if f.built {
		r, err = grade.Built(ctx, e, dir, o)
	} else {
		r, err = grade.Grade(ctx, e, dir, o)
	}
	if err != nil {
		return 0, err
	}
	if f.json {
		return r.Status(), r.JSON(os.Stdout)
	}
	return r.Status(), r.Text(os.Stdout)
}

func (f *labGrade) class(ctx context.Context, e *exercise.Exercise, dir string, o grade.Options) (status int, err error) {
	if os.Geteuid() != 0 {
		return 0, &fault.Error{Class: fault.Host, Thing: "--all", Cause: "other people's programs need limits, and those need root", Mend: "run it as root"}
	}
	var table *grade.Table
	if f.csv != "" {
		if table, err = grade.NewTable(f.csv); err != nil {
			return 0, f.noTable(err)
		}
	}
	told := map[string]bool{}
	signal.Ignore(syscall.SIGPIPE) // `| head` is no reason to lose the table
	var tableErr error
	list, err := grade.Class(ctx, e, dir, o, func(r *grade.Report) {
		if table != nil {
			tableErr = errors.Join(tableErr, table.Row(r))
		}
		if f.json {
			return
		}
		for _, n := range r.Notes { // those of this host are the same for all
			if !told[n] && r.NotRun > 0 {
				fmt.Println("note: " + n)
			}
			told[n] = true
		}
		fmt.Println(r.Line())
	})
	if table != nil {
		if err != nil {
			fmt.Fprintf(os.Stderr, "terem: %s has the %d students who were graded until then\n", table.Partial(), len(list))
		} else if err = errors.Join(tableErr, table.Done()); err != nil {
			err = f.noTable(err)
		}
	}
	if err != nil {
		return 0, err
	}
	if f.json {
		err = grade.ClassJSON(os.Stdout, list)
	}
	return grade.ClassStatus(list), err
}

func (f *labGrade) noTable(err error) error {
	return &fault.Error{Class: fault.Usage, Thing: "--csv " + f.csv, Err: fault.Reason(err), Mend: "name a file that can be written"}
}
