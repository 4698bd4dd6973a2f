package place

import "context"

// role is what a machine is there for, again and again while nobody in it is harmed.
type role string

const (
	forContainers role = "containers"
	forVictims    role = "victims"
	forAttackers  role = "attackers"
	forOnce       role = "" // it is killed afterwards, whatever happened
)

// pool has machines that need not be waited for.
type pool struct {
	spare *machine          // one that starts
	kept  map[role]*machine // those in which nobody was harmed
}

// take gives a machine: one that was kept for the role, or the one that starts. The next one starts meanwhile.
func (w *Workspace) take(ctx context.Context, r role) (*machine, error) {
	if m := w.pool.kept[r]; m != nil {
		delete(w.pool.kept, r)
		if m.serves() {
			return m, nil
		}
		m.kill()
	}
	if err := w.base(ctx); err != nil {
		return nil, err
	}
	m, err := w.pool.spare, error(nil)
	if w.pool.spare = nil; m != nil && !m.serves() {
		m.kill()
		m = nil
	}
	if m == nil {
		m, err = w.restore(Need{})
	}
	if err != nil {
		return nil, err
	}
	m.role = r
	if err := m.await(ctx); err != nil {
		return nil, err
	}
	w.pool.spare, _ = w.restore(Need{}) // if that fails, it does so again when one is needed
	return m, nil
}

// settle waits until no machine starts: what is measured now is not to be disturbed.
func (w *Workspace) settle(ctx context.Context) {
	if w.pool.spare != nil && w.pool.spare.ready(ctx) != nil {
		w.pool.spare.kill()
		w.pool.spare = nil
	}
}

// keep puts a machine back.
func (w *Workspace) keep(m *machine) {
	if m.role == forOnce || w.pool.kept[m.role] != nil {
		m.kill()
		return
	}
	if w.pool.kept == nil {
		w.pool.kept = map[role]*machine{}
	}
	w.pool.kept[m.role] = m
}

// drain kills all of them.
func (w *Workspace) drain() {
	if w.pool.spare != nil {
		w.pool.spare.kill()
	}
	for _, m := range w.pool.kept {
		m.kill()
	}
	w.pool = pool{}
}
