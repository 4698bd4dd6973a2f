package launch

import (
	"context"
	"encoding/json"
	"errors"

	"terem/internal/fault"
	"terem/internal/vm/control"
	"terem/internal/vm/snapshot"
	"terem/memory"
)

// snapshot writes the machine into a directory. It stands still while its memory is copied, and not while that gets to the medium.
func (s *session) snapshot(ctx context.Context, q control.Snapshot) error {
	if s.o.Warm != "" {
		return &fault.Error{Class: fault.Usage, Thing: "the machine", Cause: "it is there for one command, and ends with it"}
	}
	r, err := s.request() // which may refuse
	if err != nil {
		return err
	}
	w, err := s.writer(q)
	if err != nil {
		return err
	}
	out, err := s.take(ctx, w, r)
	if err != nil {
		_ = w.Abort() // what came before says more
		return err
	}
	return w.Commit(out)
}

// writer begins a snapshot. A diff needs one from which the machine came.
func (s *session) writer(q control.Snapshot) (*snapshot.Writer, error) {
	switch {
	case !q.Diff:
		return snapshot.Create(q.Dir, q.Replace)
	case s.from == nil:
		return nil, &fault.Error{Class: fault.Usage, Thing: fault.Field("Diff"), Cause: "the machine was not restored from a snapshot, and there is nothing from which it could differ",
			Mend: "take a whole one, without " + fault.Field("Diff") + ", and restore that"}
	}
	return snapshot.CreateDiff(q.Dir, q.Replace, s.from)
}

// errAsked is the error of a snapshot of a machine that somebody has begun to end.
var errAsked = errors.New("the machine is to end")

// takeUnasked is take for a machine that nobody has told to end: a signal would be in the snapshot, and end all that go on from it. That a signal
// came is known before the guest has it.
func (s *session) takeUnasked(w *snapshot.Writer, r request) (snapshot.State, error) {
	if s.isForced() {
		return snapshot.State{}, errAsked
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-s.forced:
			cancel()
		case <-ctx.Done():
		}
	}()
	out, err := s.take(ctx, w, r)
	if s.isForced() {
		return out, errAsked
	}
	return out, err
}

// take copies the memory and reads all else.
func (s *session) take(ctx context.Context, w *snapshot.Writer, r request) (out snapshot.State, err error) {
	state, err := s.m.Save(func(ends context.Context, g *memory.Guest) error {
		ctx, cancel := context.WithCancel(ctx)
		defer context.AfterFunc(ends, cancel)()
		return w.Memory(ctx, g)
	})
	if err != nil {
		return out, err
	}
	out.Made = origin(state, s.o.Version)
	if out.Request, err = json.Marshal(r); err != nil {
		return out, err
	}
	out.Machine, err = json.Marshal(state)
	return out, err
}
