package compare

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/compare/result"
	"terem/internal/compare/spawn"
	"terem/internal/compare/target"
	"terem/internal/measure/smaps"
)

// memoryRounds and memorySlow are few: idle memory varies little.
const (
	memoryRounds = 3
	memorySlow   = 1
)

// memory starts idle instances of each target, and measures what 1, 5 and 20 of them take.
func (c *comparison) memory(ctx context.Context) error {
	able := slices.DeleteFunc(slices.Clone(c.ready), func(s *subject) bool { return !s.about.Can("idle") })
	return c.interleave(ctx, result.GroupMemory, able, memoryRounds, memorySlow, func(s *subject, round int) error {
		err := c.weigh(ctx, s, round)
		if err != nil {
			c.fail(result.Memory1, s.about.Name, err)
		}
		return err
	})
}

// weigh measures a growing herd.
func (c *comparison) weigh(ctx context.Context, s *subject, round int) error {
	h := newHerd(c, s)
	defer h.end()
	var one map[string]uint64
	for _, size := range []struct {
		n       int
		measure string
	}{{1, result.Memory1}, {5, result.Memory5}, {20, result.Memory20}} {
		if err := h.grow(ctx, size.n); err != nil {
			return fmt.Errorf("%d at a time: %w", size.n, err)
		}
		parts := h.weigh()
		if size.n == 1 {
			one = parts
		}
		for part, bytes := range parts {
			v := float64(bytes)
			if size.n > 1 {
				v = max(0, (float64(bytes)-float64(one[part]))/float64(size.n-1))
			}
			c.r.Add(size.measure, s.about.Name, part, round, v)
		}
	}
	return nil
}

// herd is a number of idle instances of one target.
type herd struct {
	c      *comparison
	s      *subject
	before map[int]bool // processes that were there already
	ids    []string
	alive  []*spawn.Process
}

func newHerd(c *comparison, s *subject) *herd {
	h := &herd{c: c, s: s, before: map[int]bool{}}
	for _, p := range table() {
		h.before[p.pid] = true
	}
	return h
}

// leastMemory is what the host must have left, in bytes.
const leastMemory = 1 << 30

// errFull says that the host's memory is nearly used up.
var errFull = errors.New("the host has less than 1 GiB of memory left")

// grow starts instances until there are n, all at once, and waits until each idles.
func (h *herd) grow(ctx context.Context, n int) error {
	before := len(h.alive)
	for len(h.alive) < n {
		if available() < leastMemory {
			return errFull
		}
		r := target.Run{ID: h.c.newID(), Argv: probe("idle")}
		command, err := h.s.Command(r)
		if err != nil {
			return err
		}
		p, err := h.c.w.Host.Start(command)
		if err != nil {
			return err
		}
		h.ids, h.alive = append(h.ids, r.ID), append(h.alive, p)
	}
	limit := h.c.limit(h.s) * time.Duration(n-before) // they may start one after the other
	for _, p := range h.alive[before:] {
		if err := h.idles(ctx, p, limit); err != nil {
			return err
		}
	}
	return nil
}

// idles waits for an instance's line.
func (h *herd) idles(ctx context.Context, p *spawn.Process, limit time.Duration) error {
	line, err := p.Line(ctx, limit)
	if err == nil {
		_, err = parseStart(line)
	}
	return err
}

// end stops all instances. An engine that hangs has its time once, not for each.
func (h *herd) end() {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), 2*h.c.o.Patience) // after an interrupt, too
	defer cancel()
	for _, p := range h.alive {
		p.Poll()
		if p.Ended == 0 {
			_ = unix.Kill(p.PID, unix.SIGTERM) // asked at once, waited for below
		}
	}
	for end, i := time.Now().Add(patience), 0; i < len(h.alive); i++ {
		p := h.alive[i]
		if p.Ended == 0 {
			_ = p.Signal(0, max(time.Until(end), 0)) // one that does not end is killed
		}
		p.Kill()
		h.c.removeIn(ctx, h.s, h.ids[i])
	}
}

// weigh adds up what the processes of the herd take, part by part.
func (h *herd) weigh() map[string]uint64 {
	parts := map[string]uint64{}
	groups := map[string]bool{}
	for _, p := range h.processes() {
		h.add(parts, p)
		if part := h.part(p); part == result.PartProgram {
			if g := memoryGroup(p.pid); strings.Contains(g, "terem") {
				groups[g] = true
			}
		}
	}
	for g := range groups {
		if bytes, ok := kernelMemory(g); ok {
			parts[result.PartKernel] += bytes
		}
	}
	return parts
}

// processes are the herd's own and the daemons': all that are marked and were not there
// before, and of an engine with a daemon, the daemon and its shims.
func (h *herd) processes() []proc {
	all := table()
	found := marked(all, h.c.w.ID)
	docker := h.s.about.Package == target.DockerPackage
	for _, p := range all {
		if docker && strings.HasPrefix(p.name, "containerd-shim") {
			found = append(append(found, p), below(all, p.pid)...)
		}
	}
	found = slices.DeleteFunc(found, func(p proc) bool { return h.before[p.pid] || daemonName(p.name) })
	for _, p := range all {
		if docker && daemonName(p.name) {
			found = append(found, p)
		}
	}
	return living(found)
}

func daemonName(name string) bool { return name == "dockerd" || name == "containerd" }

// part says what a process is for.
func (h *herd) part(p proc) string {
	argv, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid))
	if err != nil {
		return result.PartHelpers
	}
	first, _, _ := strings.Cut(string(argv), "\x00")
	switch {
	case daemonName(p.name):
		return result.PartDaemons
	case path.Base(first) == "probe" || p.name == "java":
		return result.PartProgram
	}
	return result.PartHelpers
}

// add weighs a process. One that is gone by now weighs nothing.
func (h *herd) add(parts map[string]uint64, p proc) {
	if h.s.about.Kind == result.VM {
		if m, err := smaps.Read(p.pid, target.Memory); err == nil {
			parts[result.PartRAM] += m.GuestPss
			parts[result.PartVMM] += m.Pss
			return
		}
	}
	if bytes, err := smaps.Rollup(p.pid); err == nil {
		parts[h.part(p)] += bytes
	}
}

// memoryGroup is the directory of a process's memory cgroup; empty if it cannot be told.
func memoryGroup(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return ""
	}
	second := ""
	for line := range strings.Lines(string(b)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(f) < 3:
		case slices.Contains(strings.Split(f[1], ","), "memory"):
			return filepath.Join("/sys/fs/cgroup/memory", f[2])
		case f[0] == "0":
			second = filepath.Join("/sys/fs/cgroup", f[2])
		}
	}
	return second
}

// kernelMemory is what the kernel keeps for a cgroup, in bytes.
func kernelMemory(group string) (uint64, bool) {
	if b, err := os.ReadFile(filepath.Join(group, "memory.kmem.usage_in_bytes")); err == nil {
		n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
		return n, err == nil
	}
	b, err := os.ReadFile(filepath.Join(group, "memory.stat"))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(b)) {
		var n uint64
		if k, _ := fmt.Sscanf(line, "kernel %d", &n); k == 1 {
			return n, true
		}
	}
	return 0, false
}

// available is MemAvailable of proc_meminfo(5), in bytes.
func available() uint64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		var kib uint64
		if n, _ := fmt.Sscanf(line, "MemAvailable: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}
