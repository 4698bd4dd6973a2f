package compare

import (
	"context"
	"fmt"
	"path/filepath"

	"terem/internal/compare/spawn"
	"terem/internal/measure/stats"
)

// Runs that tell what the measuring costs. Each block of pairs gives one ratio of medians.
const (
	overheadBlocks = 100
	overheadPairs  = 30
)

// overhead runs the program as a bare process, watched and not watched in turn.
func (c *comparison) overhead(ctx context.Context) error {
	c.o.Progress.Start("overhead", "process", 1, 1)
	ratios := make([]float64, overheadBlocks)
	for i := range ratios {
		var err error
		if ratios[i], err = c.overheadBlock(ctx); err != nil {
			return fmt.Errorf("run the program: %w", err)
		}
	}
	ci := stats.Summarize(ratios).CI
	c.r.Method.Overhead = stats.Interval{Low: ci.Low - 1, High: ci.High - 1}
	c.o.Progress.Done("overhead", "process", nil)
	return nil
}

func (c *comparison) overheadBlock(ctx context.Context) (float64, error) {
	command := spawn.Command{Argv: []string{filepath.Join(c.w.Root, "bin/probe"), "start"}, Late: true}
	var watched, bare []float64
	for i := range 2 * overheadPairs {
		if i%4 == 0 || i%4 == 3 { // each comes first as often as second
			p, err := c.w.Host.Run(ctx, command, c.limit(&subject{}))
			if err != nil {
				return 0, err
			}
			watched = append(watched, float64(p.Ended-p.Began))
			continue
		}
		took, err := c.w.Host.Bare(command)
		if err != nil {
			return 0, err
		}
		bare = append(bare, float64(took))
	}
	return stats.Median(watched) / stats.Median(bare), nil
}
