package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// machines boots guests, as many as it takes: one that ends under a program is followed by another for the rest.
type machines struct {
	terem, initrd, memory string
	cpus                  int
	append                string // more words for the kernel
	log                   io.Writer
}

// maxMachines bounds them. More are needed only where a guest is of little use.
const maxMachines = 12

// grace is what a machine gets, times the scale of limits, for a boot or for what lies between two programs.
const grace = 90 * time.Second

// run runs the jobs and returns what each came to; those for which there was no time are missing.
func (m machines) run(ctx context.Context, t table, o order) (map[int]outcome, error) {
	results := map[int]outcome{}
	for range maxMachines {
		o.jobs = without(o.jobs, results)
		if len(o.jobs) == 0 || ctx.Err() != nil {
			return results, nil
		}
		before := len(results)
		b := boot{machines: m, order: o, all: t.jobs, results: results}
		if err := b.run(ctx); err != nil {
			return results, err
		}
		if len(results) == before {
			return results, fmt.Errorf("the guest ran no program; terem ended with status %d and said: %s", b.status, b.said())
		}
	}
	return results, nil
}

func without(jobs []int, results map[int]outcome) []int {
	var rest []int
	for _, i := range jobs {
		if _, has := results[i]; !has {
			rest = append(rest, i)
		}
	}
	return rest
}

// boot is one machine and what it has shown.
type boot struct {
	machines
	order
	all     []job // the whole table
	results map[int]outcome

	running *int // the job that has begun and not ended
	hung    atomic.Bool
	status  int
	stderr  strings.Builder
}

func (b *boot) run(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, b.terem, b.command()...)
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	cmd.Stderr = &b.stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	watchdog := time.AfterFunc(b.patience(0), func() {
		b.hung.Store(true)
		_ = cmd.Process.Kill()
	})
	err = read(stdout, b.log, func(e event) { b.see(e, watchdog) })
	watchdog.Stop()
	if err != nil {
		_ = cmd.Process.Kill()
	}
	wait := cmd.Wait()
	var exit *exec.ExitError
	if wait != nil && !errors.As(wait, &exit) && ctx.Err() == nil {
		err = errors.Join(err, wait)
	}
	b.status = cmd.ProcessState.ExitCode()
	if b.running != nil && ctx.Err() == nil {
		b.results[*b.running] = outcome{status: b.death(), output: b.said() + "\n"}
	}
	return err
}

func (b *boot) command() []string {
	args := []string{"run", "--quiet", "--initrd", b.initrd, "--memory", b.memory, "--cpus", strconv.Itoa(b.cpus)}
	if b.append != "" {
		args = append(args, "--append", b.append)
	}
	return append(append(args, "--", treeDir+"/"+binaryName), b.args(roleGuest)...)
}

// see notes an event, and gives the machine time until the next.
func (b *boot) see(e event, watchdog *time.Timer) {
	switch {
	case e.done:
		watchdog.Reset(b.patience(0))
	case e.begun:
		b.running = &e.job
		var limit time.Duration
		if e.job >= 0 && e.job < len(b.all) {
			limit = b.all[e.job].limit
		}
		watchdog.Reset(b.patience(limit))
	default:
		b.running = nil
		b.results[e.job] = e.outcome
		watchdog.Reset(b.patience(0))
	}
}

func (b *boot) patience(limit time.Duration) time.Duration {
	return time.Duration(b.scale * float64(limit+grace))
}

// death is the status of a program under which the machine ended.
func (b *boot) death() string {
	if b.hung.Load() {
		return withMachine + "hung"
	}
	return withMachine + strconv.Itoa(b.status)
}

func (b *boot) said() string { return strings.TrimSpace(b.stderr.String()) }
