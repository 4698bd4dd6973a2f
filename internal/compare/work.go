package compare

import (
	"context"
	"fmt"
	"strings"
	"time"

	"terem/internal/compare/result"
	"terem/internal/compare/target"
)

// workTime is how long each loop runs.
const workTime = 100 * time.Millisecond

// workRounds and workSlow are fewer than for starts: a run has four loops of thousands of
// rounds each.
const (
	workRounds = 8
	workSlow   = 4
)

// work measures what a program does once it runs: it computes, calls the kernel, touches
// memory, and makes processes. One run does all four.
func (c *comparison) work(ctx context.Context) error {
	loops := []struct{ mode, measure string }{{"compute", result.WorkCompute}, {"syscall", result.WorkSyscall},
		{"fault", result.WorkFault}, {"fork", result.WorkFork}}
	return c.interleave(ctx, result.GroupWork, c.ready, workRounds, workSlow, func(s *subject, round int) error {
		var programs [][]string
		for _, l := range loops {
			if s.about.Can(l.mode) {
				programs = append(programs, probe(l.mode, fmt.Sprint(workTime.Milliseconds())))
			}
		}
		p, err := c.run(ctx, s, sequence(programs), "")
		if err != nil {
			c.fail(result.WorkCompute, s.about.Name, err)
			return err
		}
		for _, l := range loops {
			if per, err := parseLoop(p.Out.String(), l.mode); err == nil {
				c.r.Add(l.measure, s.about.Name, "", round, per)
			} else if s.about.Can(l.mode) {
				c.fail(l.measure, s.about.Name, err)
			}
		}
		return nil
	})
}

// sequence is one command that runs programs one after the other.
func sequence(programs [][]string) []string {
	if len(programs) == 1 {
		return programs[0]
	}
	var lines []string
	for _, p := range programs {
		lines = append(lines, target.RootWord+strings.Join(p, " "))
	}
	return []string{"/bin/busybox", "sh", "-c", strings.Join(lines, " && ")}
}

// parseLoop reads "MODE OPS NS" and gives nanoseconds for one operation.
func parseLoop(out, mode string) (float64, error) {
	for line := range strings.Lines(out) {
		var ops, ns int64
		if n, _ := fmt.Sscanf(strings.TrimSpace(line), mode+" %d %d", &ops, &ns); n == 2 && ops > 0 && ns > 0 {
			return float64(ns) / float64(ops), nil
		}
	}
	return 0, fmt.Errorf("%s: the program's line is not in its output: %q", mode, clip(out))
}
