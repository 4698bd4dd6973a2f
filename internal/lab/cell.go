package lab

import (
	"context"
	"errors"
	"fmt"
	"time"

	"terem/internal/lab/experiment"
	"terem/internal/lab/place"
	"terem/internal/lab/result"
)

// How long is waited for what. A kernel that is interpreted is slow, so what takes longer tells nothing. All of it together is less
// than place.MachineLimit.
const (
	readyLimit  = 3 * time.Minute
	answerLimit = time.Minute
	attackLimit = 4 * time.Minute
)

// run runs one experiment in one place.
func run(ctx context.Context, w *place.Workspace, e experiment.Experiment, i place.Isolation) result.Cell {
	c := expect(e, i)
	need := place.Need{Disposable: e.Dangerous, OneCPU: e.OneCPU}
	if c.Why = i.Missing(w, need); c.Why != "" {
		c.Verdict = result.NotRun
		return c
	}
	begun := time.Now()
	pair, err := i.Open(ctx, w, need)
	if err == nil {
		defer pair.Close()
		c.Where = pair.Where
		err = observe(ctx, w, e, pair, &c)
	}
	c.Took = time.Since(begun)
	if err != nil {
		c.Verdict, c.Why = result.NotRun, err.Error()
	}
	return c
}

// observe starts the two and looks what becomes of the victim.
func observe(ctx context.Context, w *place.Workspace, e experiment.Experiment, pair *place.Pair, c *result.Cell) error {
	names := experiment.Names{Tag: place.Token(), Port: w.Port()}
	seen := experiment.Seen{Secret: "secret-" + place.Token()}
	c.Commands = result.Commands{Victim: pair.Victim.Front(), Attacker: pair.Attacker.Front()}

	victim, err := w.Run(pair.Victim, e.Victim(at(names, pair.Victim)))
	if err != nil {
		return fmt.Errorf("start the victim: %w", err)
	}
	defer victim.Stop()
	_ = victim.Ask(seen.Secret) // one that has ended does not get ready either
	if said, err := until(ctx, victim, experiment.Ready, readyLimit); err != nil {
		return fmt.Errorf("the victim did not get ready: %w: %s", err, last(said))
	}
	if seen.Before, seen.Others, err = lookAlone(ctx, e, victim); err != nil {
		return fmt.Errorf("the victim did not answer before the attack: %w: %s", err, last(seen.Before))
	}
	attacker, err := w.Run(pair.Attacker, e.Attacker(at(names, pair.Attacker)))
	if err != nil {
		return fmt.Errorf("start the attacker: %w", err)
	}
	defer attacker.Stop()
	defer pair.Halt() // so that nobody has to be asked to end in a machine that ends
	attack(ctx, attacker, &seen)
	if seen.After, err = look(ctx, victim); err != nil {
		miss(&seen, err)
	} else if e.Rest != "" {
		byTurns(ctx, e, victim, attacker, &seen)
	}
	c.Before, c.After, c.Attack = seen.Before, seen.After, seen.Attack
	if c.Verdict, c.Evidence = e.Decide(seen); c.Verdict == experiment.Safe {
		pair.Unharmed()
	}
	if c.Verdict == experiment.Counted {
		n := e.Count(seen)
		c.Count = &n
	}
	return ctx.Err()
}

// lookAlone asks the victim before an attack, and says how many others want its processor.
func lookAlone(ctx context.Context, e experiment.Experiment, victim *place.Process) ([]string, float64, error) {
	crowd := newCrowd(e.OneCPU)
	said, err := look(ctx, victim)
	return said, crowd.others(), err
}

// attack waits until the attacker has done what it can, or has ended.
func attack(ctx context.Context, attacker *place.Process, seen *experiment.Seen) {
	said, err := until(ctx, attacker, experiment.Done, attackLimit)
	seen.Attack = append(seen.Attack, said...)
	seen.Done, seen.Ended = err == nil, errors.Is(err, place.ErrEnded)
	switch {
	case seen.Ended:
		seen.Attack = append(seen.Attack, "(it ended)")
	case !seen.Done:
		seen.Attack = append(seen.Attack, fmt.Sprintf("(not done after %v)", attackLimit))
	}
}

// at puts the names of a place in.
func at(n experiment.Names, p place.Place) experiment.Names {
	n.Path, n.Dir, n.Data, n.Own, n.CPU = p.Path, p.Dir, p.Data, p.Own, p.CPU
	return n
}

// look asks the victim.
func look(ctx context.Context, victim *place.Process) ([]string, error) {
	if err := victim.Ask("look"); err != nil {
		return nil, place.ErrEnded // a broken pipe
	}
	return until(ctx, victim, experiment.End, answerLimit)
}

func until(ctx context.Context, p *place.Process, mark string, limit time.Duration) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return p.Until(ctx, mark)
}

// miss notes why the victim did not answer.
func miss(seen *experiment.Seen, err error) {
	if seen.Late = !errors.Is(err, place.ErrEnded); seen.Late {
		seen.Gone = fmt.Sprintf("no word in %v", answerLimit)
		return
	}
	seen.Gone = err.Error()
}

func last(said []string) string {
	if len(said) == 0 {
		return "it said nothing"
	}
	return said[len(said)-1]
}
