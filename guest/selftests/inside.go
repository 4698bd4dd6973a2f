package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The binary's other roles: process 1 of the namespaces, and the guest's command.
const (
	roleInside = "inside"
	roleGuest  = "guest"
)

// order is what such a process is told.
type order struct {
	root, tree string // see sandbox
	scale      float64
	jobs       []int // indices into the table
}

func (o order) args(role string) []string {
	return []string{role, o.root, o.tree, strconv.FormatFloat(o.scale, 'g', -1, 64), ranges(o.jobs)}
}

func parseOrder(args []string) (o order, err error) {
	if len(args) != 4 {
		return o, errors.New("want ROOT TREE SCALE JOBS")
	}
	o.root, o.tree = args[0], args[1]
	if o.scale, err = strconv.ParseFloat(args[2], 64); err != nil {
		return o, err
	}
	o.jobs, err = parseRanges(args[3])
	return o, err
}

// inNamespaces starts the binary again, as process 1 of namespaces, and lets it run the jobs.
func inNamespaces(ctx context.Context, o order, stdout io.Writer) error {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", o.args(roleInside)...)
	cmd.Stdout, cmd.Stderr = stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Pdeathsig: unix.SIGKILL}
	return cmd.Run()
}

// inside is the life of process 1 of the namespaces.
func inside(t table, o order) error {
	if err := sandbox(o.root, o.tree); err != nil {
		return err
	}
	if err := dropRights(); err != nil {
		return err
	}
	return runJobs(t, o, runner{tree: treeDir, alone: true, scale: o.scale})
}

// inGuest runs the jobs in namespaces, as on the host, and then those that change the whole machine, in the open.
func inGuest(t table, o order) error {
	shut, open := o, o
	shut.jobs, open.jobs = nil, nil
	for _, i := range o.jobs {
		if i >= 0 && i < len(t.jobs) && t.jobs[i].mark == markGuest {
			open.jobs = append(open.jobs, i)
		} else {
			shut.jobs = append(shut.jobs, i)
		}
	}
	if len(shut.jobs) > 0 {
		if err := inNamespaces(context.Background(), shut, os.Stdout); err != nil {
			return fmt.Errorf("run programs in namespaces: %w", err)
		}
	}
	if err := runJobs(t, open, runner{tree: treeDir, scale: o.scale}); err != nil {
		return err
	}
	return writer{bufio.NewWriter(os.Stdout)}.done()
}

func runJobs(t table, o order, r runner) error {
	// No core files: they cost time, and on the host they are litter.
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core files: %w", err)
	}
	w := writer{bufio.NewWriter(os.Stdout)}
	for _, i := range o.jobs {
		if i < 0 || i >= len(t.jobs) {
			return fmt.Errorf("there is no job %d", i)
		}
		if err := w.begin(i); err != nil {
			return err
		}
		if err := w.end(i, r.run(t.jobs[i])); err != nil {
			return err
		}
	}
	return nil
}

// ranges writes ascending numbers as 0-5,7: a kernel's command line is short.
func ranges(list []int) string {
	var parts []string
	for i := 0; i < len(list); {
		k := i
		for k+1 < len(list) && list[k+1] == list[k]+1 {
			k++
		}
		part := strconv.Itoa(list[i])
		if k > i {
			part += "-" + strconv.Itoa(list[k])
		}
		parts = append(parts, part)
		i = k + 1
	}
	return strings.Join(parts, ",")
}

func parseRanges(text string) ([]int, error) {
	var list []int
	for part := range strings.SplitSeq(text, ",") {
		first, last, found := strings.Cut(part, "-")
		if !found {
			last = first
		}
		a, err := strconv.Atoi(first)
		if err != nil {
			return nil, err
		}
		b, err := strconv.Atoi(last)
		if err != nil {
			return nil, err
		}
		for ; a <= b; a++ {
			list = append(list, a)
		}
	}
	return list, nil
}
