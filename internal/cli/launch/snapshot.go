package launch

import (
	"context"
	"encoding/json"
	"errors"

	"terem/internal/vm/snapshot"
	"terem/memory"
)

// snapshot writes the machine into a directory. It stands still while its memory is copied, and not while that gets to the medium.
func (s *session) snapshot(ctx context.Context, dir string, replace bool) error {
	w, err := snapshot.Create(dir, replace)
	if err != nil {
		return err
	}
	out, err := s.take(ctx, w)
	if err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Commit(out)
}

// take copies the memory and reads all else.
func (s *session) take(ctx context.Context, w *snapshot.Writer) (out snapshot.State, err error) {
	r, err := s.request()
	if err != nil {
		return out, err
	}
	state, err := s.m.Save(func(g *memory.Guest) error { return w.Memory(ctx, g) })
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
