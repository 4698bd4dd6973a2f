package compare

import (
	"context"
	"fmt"
	"slices"
	"time"

	"terem/internal/compare/result"
)

// Bounds of a herd: the question is how many a host bears, not whether it breaks.
const (
	densityMost = 100
	densityStep = 10
	densityTime = 30 * time.Second
)

// density starts instances until the host or a bound says no.
func (c *comparison) density(ctx context.Context) error {
	able := slices.DeleteFunc(slices.Clone(c.ready), func(s *subject) bool { return !s.about.Can("idle") })
	return c.interleave(ctx, result.GroupDensity, able, 1, 1, func(s *subject, round int) error {
		h := newHerd(c, s)
		defer h.end()
		n, why := 0, fmt.Sprintf("the bound of %d", densityMost)
		for begun := time.Now(); n < densityMost; {
			if time.Since(begun) > densityTime {
				why = fmt.Sprintf("the bound of %v", densityTime)
				break
			}
			if err := h.grow(ctx, n+densityStep); err != nil {
				why = err.Error()
				break
			}
			n += densityStep
		}
		if ctx.Err() != nil {
			return ctx.Err() // the host has not said no
		}
		c.r.Add(result.DensityCount, s.about.Name, "", round, float64(n))
		c.r.Find(result.DensityCount, s.about.Name, "").Error = "ended by " + why
		return nil
	})
}
