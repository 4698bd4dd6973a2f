package grade

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"terem/internal/fault"
	"terem/internal/lab/exercise"
	"terem/kvm"
)

// whole is how many checks' time a program has for all of them: one that is right takes a part of one's.
const whole = 2

// Options of a grading.
type Options struct {
	Seed  uint64        // draws the inputs
	NoKVM bool          // as on a host without it
	Limit time.Duration // of each check, and twice that for all; 0: ten seconds
	// Kernel gives a bzImage of Linux to boot, for an exercise that does; nil if there is none.
	Kernel func() []byte

	args []string // of the program, for tests: an exercise has none
}

// Grade grades a student's directory.
func Grade(ctx context.Context, e *exercise.Exercise, dir string, o Options) (*Report, error) {
	student, err := take(e, dir)
	if err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp("", "terem-lab-")
	if err != nil {
		return nil, &fault.Error{Class: fault.Host, Thing: "grade", Err: err}
	}
	defer os.RemoveAll(tmp)
	built := filepath.Join(tmp, "exercise")
	if err := build(ctx, e, student, built); err != nil {
		r := newReport(e, o)
		bad := new(notBuilt)
		if !errors.As(err, &bad) {
			return nil, err
		}
		r.doesNotBuild(e, bad.said)
		return r, nil
	}
	return Built(ctx, e, built, o)
}

// Build makes the program that a grading runs, for Built, maybe on another host.
func Build(ctx context.Context, e *exercise.Exercise, dir, to string) error {
	student, err := take(e, dir)
	if err != nil {
		return err
	}
	err = build(ctx, e, student, to)
	if bad := new(notBuilt); errors.As(err, &bad) {
		return &fault.Error{Class: fault.Usage, Thing: dir, Cause: "it does not compile: " + printable(bad.said)}
	}
	return err
}

// Built grades a program that was built before.
func Built(ctx context.Context, e *exercise.Exercise, built string, o Options) (*Report, error) {
	r := newReport(e, o)
	dev := r.openKVM(o)
	if dev != nil {
		defer dev.Close()
	}
	limit := cmp.Or(o.Limit, runTime)
	s, err := open(ctx, built, dev, limit, o.args...)
	if err != nil {
		return r.cannotRun(ctx, e, err)
	}
	defer func() { s.close() }()
	begin := time.Now()
	end := begin.Add(whole * limit)
	if os.Geteuid() != 0 {
		r.note("not root: only each process for itself had a limit on memory, and none on memory that processes share; grade other people's programs as root")
	}
	var image []byte
	if o.Kernel != nil && dev != nil {
		image = o.Kernel()
	}
	for i, c := range e.Checks {
		if s.ended != nil && time.Since(begin) < limit { // a mistake in one function says nothing of the next, but who hangs again and again has his time
			r.printed(s)
			next, err := open(ctx, built, dev, limit, o.args...)
			if err != nil {
				return nil, err
			}
			s = next
		}
		s.image = image
		if err := r.check(s, e, i, c, o, end); err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	s.close()
	r.printed(s)
	return r, nil
}

// printed keeps what a program has printed that has ended: the first that said anything.
func (r *Report) printed(s *session) {
	if r.Printed == "" {
		r.Printed = s.said
	}
}

// check does one check. At end all of the program's time is up.
func (r *Report) check(s *session, e *exercise.Exercise, i int, c exercise.Check, o Options, end time.Time) error {
	if c.KVM && s.kvm == nil {
		r.skip(c, "there is no KVM here")
		return nil
	}
	if s.ended != nil {
		r.lost(c, "the program had ended, and its time is up")
		return nil
	}
	if !time.Now().Before(end) {
		r.lost(c, fmt.Sprintf("the checks before it have taken all of the program's time, %v", whole*s.limit))
		return nil
	}
	if err := s.begin(end); err != nil {
		return &fault.Error{Class: fault.Host, Thing: "grade", Err: err}
	}
	// Each check draws by itself, so that what one takes moves no other's inputs.
	s.rand = rand.New(rand.NewPCG(o.Seed, uint64(e.Number)<<32|uint64(i)))
	err := c.Do(s)
	wrong, notRun := new(exercise.Wrong), new(exercise.NotRun)
	switch {
	case err == nil:
		r.right(c)
	case errors.Is(err, exercise.ErrNeedsKVM):
		r.skip(c, "so far right; the rest of it needs KVM, which is not here")
	case errors.Is(err, exercise.ErrNeedsKernel):
		r.skip(c, "there is no kernel of terem's here to boot: `terem guest build` makes one")
	case errors.As(err, &notRun):
		r.skip(c, printable(notRun.Why)) // it quotes the program
	case errors.As(err, &wrong):
		r.wrong(c, wrong)
	default:
		return &fault.Error{Class: fault.Host, Thing: fmt.Sprintf("exercise %d, %s", e.Number, c.Name), Err: err}
	}
	return nil
}

// openKVM opens /dev/kvm for the program, if it is there.
func (r *Report) openKVM(o Options) *os.File {
	if o.NoKVM {
		r.note("KVM was left out, as was asked for: what needs it was not run")
		return nil
	}
	f, err := os.OpenFile(kvm.Device, os.O_RDWR, 0)
	if err != nil {
		r.note(fmt.Sprintf("%s: %v: what needs KVM was not run; `terem doctor` says what is missing", kvm.Device, fault.Reason(err)))
		return nil
	}
	return f
}

// cannotRun is the report where no container can be started: the program was built, and that is all.
func (r *Report) cannotRun(ctx context.Context, e *exercise.Exercise, err error) (*Report, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	own := new(fault.Error)
	if !errors.As(err, &own) || own.Class != fault.Host {
		return nil, err
	}
	r.note("it compiles, and was not run: " + err.Error())
	for _, c := range e.Checks {
		r.skip(c, "no container can be started here")
	}
	return r, nil
}
