package compare

import (
	"slices"
	"time"

	"terem/internal/compare/result"
	"terem/internal/compare/target"
)

// plan tells how long the rest is expected to take, from the first runs.
func (c *comparison) plan() {
	var total time.Duration
	runs := 0
	add := func(s *subject, rounds, slow int, each time.Duration) {
		if s.slow {
			rounds = min(rounds, slow)
		}
		runs += rounds
		total += time.Duration(rounds) * (each + c.o.Gap)
	}
	for _, s := range c.ready {
		for _, g := range c.o.Groups {
			switch g {
			case result.GroupStart:
				add(s, c.r.Method.Rounds, c.r.Method.SlowRounds, s.took)
			case result.GroupPhases:
				if _, ok := s.Target.(target.Phased); ok {
					add(s, phaseRounds, phaseRounds, s.took)
				}
			case result.GroupWork:
				add(s, workRounds, workSlow, s.took+4*workTime)
			case result.GroupDisk:
				add(s, diskRounds, diskSlow, s.took+4*workTime)
			case result.GroupMemory:
				add(s, memoryRounds, memorySlow, s.took*time.Duration(1+19/c.w.CPUs)) // 1, then 4, then 15 at once
			}
		}
	}
	if slices.Contains(c.o.Groups, result.GroupDensity) {
		total += time.Duration(len(c.ready)) * densityTime
		runs += len(c.ready)
	}
	runs++ // what the measuring costs
	if c.o.Explain {
		runs += len(c.ready)
	}
	c.o.Progress.Plan(total, runs)
}
