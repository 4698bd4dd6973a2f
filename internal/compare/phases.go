package compare

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"terem/internal/compare/result"
	"terem/internal/compare/spawn"
	"terem/internal/compare/target"
)

// phaseRounds are fewer than for starts: what matters is where the time goes.
const phaseRounds = 10

// phases times the commands of which a run is made, where a target has such.
func (c *comparison) phases(ctx context.Context) error {
	var able []*subject
	for _, s := range c.ready {
		if _, ok := s.Target.(target.Phased); ok {
			able = append(able, s)
		}
	}
	return c.interleave(ctx, result.Phases, able, phaseRounds, phaseRounds, func(s *subject, round int) error {
		err := c.steps(ctx, s, round)
		if err != nil {
			c.fail(result.Phases, s.about.Name, err)
		}
		return err
	})
}

// steps runs the commands of one run and notes what each takes. What passes between them
// is nobody's: a step begins when it is started.
func (c *comparison) steps(ctx context.Context, s *subject, round int) (err error) {
	r := target.Run{ID: c.newID(), Argv: probe("start")}
	steps, err := s.Target.(target.Phased).Steps(r)
	if err != nil {
		return err
	}
	sleep(ctx, c.o.Gap)
	out, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer out.Close()
	defer func() {
		w.Close()
		if err != nil {
			c.remove(s, r.ID)
		}
	}()
	took := make([]time.Duration, len(steps))
	for i, step := range steps {
		if step.Program() {
			w.Close()
			took[i], err = drain(ctx, out, c.limit(s))
		} else {
			took[i], err = c.step(ctx, s, step.Command, w)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", step.Name, err)
		}
	}
	for i, step := range steps {
		c.r.Add(result.Phases, s.about.Name, step.Name, round, float64(took[i]))
	}
	return nil
}

func (c *comparison) step(ctx context.Context, s *subject, command spawn.Command, out *os.File) (time.Duration, error) {
	command.Out = out
	p, err := c.w.Host.Run(ctx, command, c.limit(s))
	if err == nil {
		err = p.Failure()
	}
	if err != nil {
		return 0, err
	}
	return spent(p), nil
}

// drain waits until nobody can write to the pipe any more: until the program is gone.
func drain(ctx context.Context, out *os.File, limit time.Duration) (time.Duration, error) {
	begun := time.Now()
	if err := out.SetReadDeadline(begun.Add(limit)); err != nil {
		return 0, err
	}
	defer context.AfterFunc(ctx, func() { _ = out.SetReadDeadline(time.Now()) })() // a pipe has deadlines
	const most = 1 << 16
	if _, err := io.Copy(io.Discard, io.LimitReader(out, most)); err != nil {
		return 0, err
	}
	return time.Since(begun), nil
}

// ledger is what is read of `terem run --exits=json`.
type ledger struct {
	Exits []struct {
		Count uint64 `json:"count"`
	} `json:"exits"`
	Phases []struct {
		Name string `json:"name"`
		NS   int64  `json:"ns"`
	} `json:"phases"`
}

func parseLedger(stderr string) (l ledger, ok bool) {
	i := strings.Index(stderr, "{")
	if i < 0 {
		return l, false
	}
	err := json.NewDecoder(strings.NewReader(stderr[i:])).Decode(&l)
	return l, err == nil
}

// notePhases takes the phases that a virtual machine reports by itself.
func (c *comparison) notePhases(s *subject, round int, p *spawn.Process) {
	if s.about.Kind != result.VM {
		return
	}
	l, ok := parseLedger(p.Err.String())
	if !ok {
		return
	}
	for _, phase := range l.Phases {
		c.r.Add(result.Phases, s.about.Name, phase.Name, round, float64(phase.NS))
	}
}
