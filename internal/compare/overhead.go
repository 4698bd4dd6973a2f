package compare

import (
	"context"
	"fmt"
	"path/filepath"

	"terem/internal/compare/spawn"
	"terem/internal/stats"
)

// overheadPairs of runs tell what the measuring costs; one is half a millisecond.
const overheadPairs = 400

// overhead runs the program as a bare process, watched and not watched in turn.
func (c *comparison) overhead(ctx context.Context) error {
	c.o.Progress.Start("overhead", "process", 1, 1)
	command := spawn.Command{Argv: []string{filepath.Join(c.w.Root, "bin/probe"), "start"}, Late: true}
	var watched, bare []float64
	for i := range overheadPairs {
		for _, first := range []bool{i%2 == 0, i%2 == 1} {
			if first {
				p, err := c.w.Host.Run(ctx, command, limitOf(&subject{}))
				if err != nil {
					return err
				}
				watched = append(watched, float64(p.Ended-p.Began))
				continue
			}
			took, err := c.w.Host.Bare(command)
			if err != nil {
				return fmt.Errorf("run the program: %w", err)
			}
			bare = append(bare, float64(took))
		}
	}
	_, ci := stats.Ratio(watched, bare, c.o.Seed)
	c.r.Method.Overhead = stats.Interval{Low: ci.Low - 1, High: ci.High - 1}
	c.o.Progress.Done("overhead", "process", nil)
	return nil
}
