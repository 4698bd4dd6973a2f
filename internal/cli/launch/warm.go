package launch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"terem/internal/fault"
	"terem/internal/vm/machine"
	"terem/internal/vm/snapshot"
)

// The moments of the snapshots that a warm start begins from.
const (
	WarmReady   = "ready"   // the guest is up, its agent listens, and no program runs
	WarmProgram = "program" // the command stands at its first instruction
)

// checkWarm refuses what such a snapshot cannot have.
func checkWarm(o *Options) error {
	thing := fault.Field("Warm")
	if o.SnapshotAt.Dir != "" {
		thing = fault.Field("SnapshotAt")
	}
	bad := func(field, cause string) error {
		return &fault.Error{Class: fault.Usage, Thing: thing, Cause: cause, Mend: "leave out " + fault.Field(field)}
	}
	switch {
	case o.Warm != WarmReady && o.Warm != WarmProgram:
		return &fault.Error{Class: fault.Usage, Thing: thing + " " + o.Warm, Cause: "no such moment", Mend: "use " + WarmReady + " or " + WarmProgram}
	case o.Kernel != "":
		return bad("Kernel", "only terem's own guest has an agent that says when it is ready")
	case o.Initrd != "":
		return bad("Initrd", "only terem's own guest has an agent that says when it is ready")
	case strings.Contains(o.Append, "init="):
		return bad("Append", "only terem's own init has an agent that says when it is ready")
	case o.Detached != nil:
		return bad("Detach", "the machine runs a command and ends with it; `terem snapshot` and `terem restore` are for machines in the background")
	case !o.stdio():
		return bad("Console", "the command's streams do not go over the console")
	case o.networked():
		return bad("Network", "the ports of this machine are not in a snapshot of another")
	case o.Vsock != nil:
		return bad("Vsock", "a socket of this machine's is not in a snapshot of another")
	case len(o.Shares) > 0:
		return bad("Shares", "what a guest has open in a shared directory is not in a snapshot")
	}
	return nil
}

// warm is a run that begins from a snapshot in the cache; or, if there is none of such a guest, that boots one and keeps it there.
type warm struct {
	spots []spot // that from which it begins soonest comes first
	from  string // the moment from which it goes on; "": the guest boots
	held  call   // of a guest whose command stands still
	beside
}

// spot is where the snapshot of a moment is, or will be.
type spot struct{ at, dir string }

// dir is where that of a moment is; "": there is no place for one.
func (w *warm) dir(at string) string {
	for _, p := range w.spots {
		if p.at == at {
			return p.dir
		}
	}
	return ""
}

// drop throws away the snapshot of that moment, if it is in the cache.
func (w *warm) drop(at string) error {
	dir := w.dir(at)
	if dir == "" {
		return nil
	}
	return os.RemoveAll(dir)
}

// startWarm runs a command in a guest that has booted before.
func (s *session) startWarm(im *images, c machine.Config) (status int, err error) {
	if err := s.findSpots(im); err != nil {
		return 0, err
	}
	s.make = s.makeWarm
	return s.runInside(c)
}

// findSpots finds out where the snapshots are from which this run may begin.
func (s *session) findSpots(im *images) error {
	key, err := s.warmKey(im)
	if err != nil {
		return err
	}
	add := func(at string) {
		dir, err := key.dir(s.o.CacheDir)
		if err != nil {
			s.murmur(err) // the command runs all the same
			return
		}
		s.warmth.spots = append(s.warmth.spots, spot{at, dir})
	}
	if s.o.Warm == WarmProgram {
		key.Start = s.startKey()
		add(WarmProgram)
		key.Start = nil
	}
	add(WarmReady)
	return nil
}

// murmur says what only those want to know who want to know all.
func (s *session) murmur(err error) {
	if err != nil && s.o.Verbose {
		s.say("terem: %s\r\n", fault.Say(err, func(f string) string { return f }))
	}
}

// makeWarm makes the machine from a snapshot, if there is one that fits, and else as any other.
func (s *session) makeWarm(c machine.Config) (*machine.Machine, error) {
	for _, p := range s.warmth.spots {
		m, err := s.fromCache(c, p.dir)
		if err == nil {
			now := time.Now()
			_ = os.Chtimes(p.dir, now, now) // it was of use; who cannot say so may lose it sooner
			s.warmth.from = p.at
			return m, nil
		}
		s.murmur(fmt.Errorf("%s: %w", p.at, err))
		if !errors.Is(err, errNotOpened) { // the machine that came to nothing has closed them
			if c.Disks, err = s.openDisks(); err != nil {
				return nil, err
			}
		}
	}
	s.murmur(errors.New("the guest boots"))
	return machine.New(c)
}

// errNotOpened is the error of a snapshot that no machine was made of.
var errNotOpened = errors.New("there is no snapshot of it that can be used")

// fromCache makes the machine from the snapshot.
func (s *session) fromCache(c machine.Config, dir string) (*machine.Machine, error) {
	sn, err := snapshot.Open(dir)
	if err != nil {
		return nil, errNotOpened
	}
	defer sn.Close()
	r, state, err := decode(sn)
	if err != nil {
		return nil, errNotOpened
	}
	ram, err := sn.Guest()
	if err != nil {
		return nil, errNotOpened
	}
	c.CmdLine = r.CmdLine
	return restoreOn(c, state, ram, "")
}

// keep makes the machine the snapshot of that moment, from which others begin. It is on the medium some time later.
func (s *session) keep(at string) {
	if !s.warmth.enter() {
		return
	}
	defer s.warmth.work.Done()
	dir := s.warmth.dir(at)
	if dir == "" {
		return
	}
	r, err := s.request()
	if err != nil {
		s.murmur(err)
		return
	}
	if r.At, r.TTY = at, !s.pipe; at != WarmProgram {
		r.Command = nil
	}
	w, err := snapshot.Create(dir, true)
	if err != nil && os.RemoveAll(dir) == nil { // something that is no snapshot, and nobody's
		w, err = snapshot.Create(dir, true)
	}
	if err != nil {
		s.murmur(err)
		return
	}
	out, err := s.takeUnasked(w, r)
	if err != nil {
		s.murmur(err)
		s.murmur(w.Abort())
		return
	}
	s.warmth.work.Go(func() {
		if err := w.Commit(out); err != nil {
			s.murmur(err)
			return
		}
		prune(filepath.Dir(dir), warmMost)
	})
}
