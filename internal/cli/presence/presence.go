package presence

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/fault"
	"terem/internal/running"
	"terem/internal/vm/control"
	"terem/internal/vm/vsock"
)

// Presence is that of one machine or container.
type Presence struct {
	prefix string   // of a name that is drawn
	waiter *os.File // in the background: who waits for the name; nil: it is not there
	log    *os.File // in the background

	dir    *running.Dir // nil: it has no name yet
	server *control.Server
	vsock  *vsock.Listener
	made   chan struct{} // closed when Appear is through; nil: it was not called
	failed error         // why there are no sockets, then
	over   chan struct{} // closed when end is known
	end    control.End
	last   chan struct{} // closed by Vanish
}

// Claim takes a name, and in the background a file for all that is shown. Otherwise a name need not be given. The caller owes
// a Vanish, also of one that failed.
func Claim(name, prefix string, waiter *os.File) (*Presence, error) {
	p := &Presence{prefix: prefix, waiter: waiter, over: make(chan struct{}), last: make(chan struct{})}
	if name == "" && waiter == nil {
		return p, nil
	}
	var err error
	if p.dir, err = running.Claim(running.Root(), name, prefix); err != nil || waiter == nil {
		return p, err
	}
	p.log, err = os.OpenFile(p.dir.File(running.LogFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return p, &fault.Error{Class: fault.Host, Thing: "log", Err: err}
	}
	return p, nil
}

// Name is the name, or "" if none is needed yet.
func (p *Presence) Name() string {
	if p.dir == nil {
		return ""
	}
	return p.dir.Name
}

// Log is the file for all that is shown in the background, or nil.
func (p *Presence) Log() *os.File { return p.log }

// Leave lets go of the terminal, in the background, and tells who waits for that: when others can reach it.
func (p *Presence) Leave() error {
	if p.waiter == nil {
		return nil
	}
	if <-p.made; p.failed != nil {
		return p.failed
	}
	if _, err := fmt.Fprintln(p.waiter, p.dir.Name); err != nil {
		return &fault.Error{Class: fault.Host, Thing: fault.Field("Detach"), Cause: "nobody waits for the name any more"}
	}
	return errors.Join(p.waiter.Close(), unix.Dup3(int(p.log.Fd()), int(os.Stderr.Fd()), 0))
}

// unseen is how long something without a name from the user runs before others can find it: nobody pays for what is over at
// once, and the first steps of what goes on are not held up.
const unseen = 50 * time.Millisecond

// What is in a presence that opens its sockets.
type What struct {
	Verbs control.Verbs // without Ended and End; of Info, name, process and time are filled in
	Ports vsock.Caller  // nil: it has none
	// Failed is called if there will be no sockets.
	Failed func(error)
}

// Appear opens the sockets, beside what runs: starting does not wait for it.
func (p *Presence) Appear(w What) {
	p.made = make(chan struct{})
	started := time.Now()
	go func() {
		defer close(p.made)
		if p.dir == nil {
			select {
			case <-p.last:
				return
			case <-time.After(unseen):
			}
		}
		if p.failed = p.open(w, started); p.failed != nil {
			w.Failed(p.failed)
		}
	}()
}

func (p *Presence) open(w What, started time.Time) (err error) {
	if p.dir == nil {
		if p.dir, err = running.Claim(running.Root(), "", p.prefix); err != nil {
			return err
		}
	}
	if w.Ports != nil {
		if p.vsock, err = vsock.Listen(p.dir.File(running.VsockSocket), w.Ports); err != nil {
			return err
		}
	}
	v := w.Verbs
	v.Ended, v.End = p.over, func() control.End { return p.end }
	v.Info = func() control.Info {
		i := w.Verbs.Info()
		i.Name, i.PID, i.Started = p.dir.Name, os.Getpid(), started
		if i.Log == "" && p.log != nil {
			i.Log = p.log.Name()
		}
		return i
	}
	p.server, err = control.Listen(p.dir.File(running.ControlSocket), v)
	return err
}

// Ended lets those know who wait for the end.
func (p *Presence) Ended(status int, why string) {
	p.end = control.End{Status: status, Why: why}
	close(p.over)
}

// Vanish takes all of it away again, once those who waited for the end have been told.
func (p *Presence) Vanish() error {
	close(p.last)
	if p.made != nil {
		<-p.made
	}
	var errs []error
	if p.server != nil {
		errs = append(errs, p.server.Close())
	}
	if p.vsock != nil {
		errs = append(errs, p.vsock.Close())
	}
	if p.dir != nil {
		errs = append(errs, p.dir.Release())
	}
	if p.log != nil {
		errs = append(errs, p.log.Close())
	}
	return errors.Join(errs...)
}
