package compare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"terem/internal/compare/result"
	"terem/internal/compare/target"
	"terem/internal/compare/trace"
)

// HostInside is the name under which the host's own namespaces are listed.
const HostInside = "host"

// explain shows for each target what the kernel sees of it.
func (c *comparison) explain(ctx context.Context) error {
	own := result.Inside{Target: HostInside}
	thread := c.w.Host.Thread()
	own.Namespaces, own.Cgroups = namespaces(thread), cgroups(thread)
	c.r.Inside = append(c.r.Inside, own)
	for _, s := range c.ready {
		c.o.Progress.Start("explain", s.about.Title, 1, 1)
		in := result.Inside{Target: s.about.Name}
		err := errors.Join(c.look(ctx, s, &in), c.trace(ctx, s, &in), c.exits(ctx, s, &in))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if s.about.Package == target.DockerPackage {
			in.Note = "the client's calls alone: its daemon makes the container"
		}
		if err != nil {
			in.Note = strings.ReplaceAll(err.Error(), "\n", "; ")
		}
		c.r.Inside = append(c.r.Inside, in)
		c.o.Progress.Done("explain", s.about.Title, err)
	}
	return nil
}

// look looks at an idle instance from the host.
func (c *comparison) look(ctx context.Context, s *subject, in *result.Inside) error {
	h := newHerd(c, s)
	defer h.end()
	if err := h.grow(ctx, 1); err != nil {
		return err
	}
	pid := h.program()
	in.Namespaces, in.Cgroups = namespaces(pid), cgroups(pid)
	return nil
}

// program is the process ID of the program itself; where it is no process of the host's, of
// a process in namespaces of its own, or of the one that was started.
func (h *herd) program() int {
	all, host := h.processes(), namespaces(h.c.w.Host.Thread())
	for _, p := range all {
		if h.part(p) == result.PartProgram {
			return p.pid
		}
	}
	for _, p := range all {
		if ns := namespaces(p.pid); len(ns) > 0 && !maps.Equal(ns, host) && h.part(p) == result.PartHelpers {
			return p.pid
		}
	}
	return h.alive[0].PID
}

// namespaces are the inode numbers of a process's namespaces, by kind.
func namespaces(pid int) map[string]string {
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/ns/*", pid)) // the pattern is well formed
	found := map[string]string{}
	for _, l := range links {
		kind := filepath.Base(l)
		at, err := os.Readlink(l)
		if err != nil || strings.HasSuffix(kind, "_for_children") {
			continue
		}
		_, inode, _ := strings.Cut(strings.TrimSuffix(at, "]"), "[")
		found[kind] = inode
	}
	return found
}

// cgroups are the lines of proc_pid_cgroup(5).
func cgroups(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(b)), "\n")
}

// topCalls is how many system calls are named.
const topCalls = 8

// trace counts the system calls of a run.
func (c *comparison) trace(ctx context.Context, s *subject, in *result.Inside) error {
	r := target.Run{ID: c.newID(), Argv: probe("start")}
	command, err := s.Command(r)
	if err != nil {
		return err
	}
	defer c.remove(s, r.ID)
	var n trace.Count
	err = c.w.Host.On(func() (err error) {
		n, err = trace.Run(ctx, command.Argv, append(command.Env, marker+c.w.ID), c.limit(s))
		return err
	})
	if err != nil {
		return fmt.Errorf("counting system calls: %w", err)
	}
	in.Syscalls, in.Processes, in.Threads = n.Total(), n.Processes, n.Threads
	names := trace.Names()
	numbers := slices.SortedFunc(maps.Keys(n.Calls), func(a, b uint64) int {
		return cmp.Or(cmp.Compare(n.Calls[b], n.Calls[a]), cmp.Compare(a, b))
	})
	for _, number := range numbers[:min(topCalls, len(numbers))] {
		in.TopCalls = append(in.TopCalls, result.Call{Name: cmp.Or(names[number], fmt.Sprint(number)), Count: n.Calls[number]})
	}
	return nil
}

// exits takes a virtual machine's exits from its ledger.
func (c *comparison) exits(ctx context.Context, s *subject, in *result.Inside) error {
	if s.about.Kind != result.VM {
		return nil
	}
	p, err := c.run(ctx, s, probe("start"), "")
	if err != nil {
		return err
	}
	l, ok := parseLedger(p.Err.String())
	if !ok {
		return nil // not terem
	}
	for _, e := range l.Exits {
		in.Exits += e.Count
	}
	return nil
}
