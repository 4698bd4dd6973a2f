package launch

import (
	"errors"
	"fmt"
	"strings"

	"terem/internal/fault"
	"terem/internal/vm/machine"
	"terem/internal/vm/snapshot"
)

// Moment is a snapshot that a run takes on its way: at WarmReady or WarmProgram, into a directory.
type Moment struct{ At, Dir string }

// ParseMoment reads AT=DIR.
func ParseMoment(s string) (m Moment, err error) {
	at, dir, _ := strings.Cut(s, "=")
	if at != WarmReady && at != WarmProgram || dir == "" {
		return m, fmt.Errorf("want %s=DIR or %s=DIR", WarmReady, WarmProgram)
	}
	return Moment{at, dir}, nil
}

// saved is a snapshot that the user wants, and gets or hears why not.
type saved struct {
	at string // the moment; "": none is wanted, or it is there
	w  *snapshot.Writer
}

// beginSnapshot refuses what will not go, before anything boots.
func (s *session) beginSnapshot() (err error) {
	o := s.o
	if o.Warm != "" {
		return &fault.Error{Class: fault.Usage, Thing: fault.Field("SnapshotAt"), Cause: "it wants a guest that boots", Mend: "leave out " + fault.Field("Warm")}
	}
	o.Warm = o.SnapshotAt.At // from here on it is as a warm run that finds nothing
	if err := checkWarm(o); err != nil {
		return err
	}
	if _, err := s.diskRequests(); err != nil {
		return err
	}
	s.saved.at = o.SnapshotAt.At
	s.saved.w, err = snapshot.Create(o.SnapshotAt.Dir, false)
	var told *fault.Error
	if errors.As(err, &told) && told.Class == fault.Usage { // there is something of that name, which is not replaced here
		told.Mend = "name another directory"
	}
	return err
}

// endSnapshot leaves nothing of one that was not taken.
func (s *session) endSnapshot() {
	if s.saved.w != nil {
		s.murmur(s.saved.w.Abort())
	}
}

// errNoSnapshot is the error of a run whose snapshot is not to be had: nothing runs then.
var errNoSnapshot = errors.New("the snapshot was not taken")

// pass is called when the machine comes to a moment, and nothing that follows has begun. After an error nothing that follows is to begin.
func (s *session) pass(at string) error {
	if s.saved.at != at {
		s.keep(at)
		return nil
	}
	err := s.save(at)
	if err == nil {
		return nil
	}
	if !errors.Is(err, machine.ErrEnded) {
		s.end(fault.Status(err), fault.Say(err, func(f string) string { return f }))
	}
	return errNoSnapshot
}

// save writes the snapshot that the user wants.
func (s *session) save(at string) error {
	if !s.warmth.enter() {
		return machine.ErrEnded
	}
	defer s.warmth.work.Done()
	r, err := s.request()
	if err != nil {
		return err
	}
	r.At, r.TTY = at, !s.pipe
	out, err := s.takeUnasked(s.saved.w, r)
	if err != nil {
		return err
	}
	w := s.saved.w
	s.saved.w = nil
	return w.Commit(out)
}
