package launch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"terem/internal/cli/enter"
	"terem/internal/fault"
	"terem/internal/vm/agent"
	"terem/internal/vm/machine"
	"terem/internal/vm/snapshot"
	"terem/internal/vm/vsock"
)

// WarmReady is the snapshot that a warm start begins from: the guest is up, its agent listens, and no program runs.
const WarmReady = "ready"

// checkWarm refuses what such a snapshot cannot have.
func checkWarm(o *Options) error {
	bad := func(field, cause string) error {
		return &fault.Error{Class: fault.Usage, Thing: fault.Field("Warm"), Cause: cause, Mend: "leave out " + fault.Field(field)}
	}
	switch {
	case o.Warm != WarmReady:
		return &fault.Error{Class: fault.Usage, Thing: fault.Field("Warm") + " " + o.Warm, Cause: "no such moment", Mend: "use " + WarmReady}
	case o.Kernel != "":
		return bad("Kernel", "only terem's own guest has an agent that says when it is ready")
	case o.Initrd != "":
		return bad("Initrd", "only terem's own guest has an agent that says when it is ready")
	case strings.Contains(o.Append, "init="):
		return bad("Append", "only terem's own init has an agent that says when it is ready")
	case o.Detached != nil:
		return bad("Detach", "what is warm runs a command and ends with it; `terem snapshot` and `terem restore` are for machines in the background")
	case !o.stdio():
		return bad("Console", "the command's streams do not go over the console")
	case o.Vsock != nil:
		return bad("Vsock", "a socket of this machine's is not in a snapshot of another")
	}
	return nil
}

// warm is a run that begins from a snapshot in the cache; or, if there is none of such a guest, that boots one and keeps it there.
type warm struct {
	dir  string // of the snapshot; "": there is no place for one
	cold bool   // the guest boots
	kept chan error
}

// startWarm runs a command in a guest that has booted before.
func (s *session) startWarm(im *images, c machine.Config) (status int, err error) {
	key, err := s.warmKey(im)
	if err != nil {
		return 0, err
	}
	w := &s.warmth
	if w.dir, err = key.dir(s.o.CacheDir); err != nil {
		s.murmur(err) // the command runs all the same
	}
	s.streams = newStreams(s)
	c.Asker = s.streams
	if s.pipe {
		if err := s.streams.open(); err != nil {
			return 0, err
		}
		defer s.streams.close()
	}
	s.make = s.makeWarm
	status, err = s.run(c)
	if w.kept != nil {
		s.murmur(<-w.kept)
	}
	return status, err
}

// murmur says what only those want to know who want to know all.
func (s *session) murmur(err error) {
	if err != nil && s.o.Verbose {
		s.say("terem: %s\r\n", fault.Say(err, func(f string) string { return f }))
	}
}

// makeWarm makes the machine from the snapshot, if there is one that fits, and else as any other.
func (s *session) makeWarm(c machine.Config) (*machine.Machine, error) {
	m, err := s.fromCache(c)
	if err == nil {
		now := time.Now()
		_ = os.Chtimes(s.warmth.dir, now, now) // it was of use; who cannot say so may lose it sooner
		return m, nil
	}
	s.murmur(err)
	s.warmth.cold = true
	if !errors.Is(err, errNotOpened) { // the machine that came to nothing has closed them
		if c.Disks, err = s.openDisks(); err != nil {
			return nil, err
		}
	}
	return machine.New(c)
}

// errNotOpened is the error of a snapshot that no machine was made of.
var errNotOpened = errors.New("no snapshot of such a guest can be used: it boots")

// fromCache makes the machine from the snapshot.
func (s *session) fromCache(c machine.Config) (*machine.Machine, error) {
	if s.warmth.dir == "" {
		return nil, errNotOpened
	}
	sn, err := snapshot.Open(s.warmth.dir)
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

// inside waits until the guest is ready, keeps it for others, runs the command by its agent, and ends the machine with it.
func (s *session) inside() {
	st := s.streams
	defer close(st.done)
	if s.warmth.cold {
		if s.m.AwaitListener() != nil {
			return // it has ended, and says how
		}
		s.keep()
	}
	conn, err := s.callAgent()
	if err != nil {
		s.end(StatusBroken, "the guest's agent: "+err.Error())
		return
	}
	st.taken.Store(true)
	close(st.called)
	status, err := s.command(conn)
	var f *fault.Error
	switch {
	case err == nil:
		s.m.Exit(uint8(status))
	case errors.As(err, &f) && f.Class == fault.Gone:
		s.gone()
	default:
		s.end(fault.Status(err), fault.Say(err, func(f string) string { return f }))
	}
}

// goes is how long a guest that has let go of its connections may take to end: it has begun to.
const goes = 3 * time.Second

func (s *session) gone() {
	select {
	case <-s.m.Done():
	case <-time.After(goes):
		s.end(StatusBroken, "the guest's agent has gone")
	}
}

// callAgent connects with the guest's agent.
func (s *session) callAgent() (agent.Conn, error) {
	ours, theirs := vsock.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-s.m.Done()
		cancel()
	}()
	_, err := s.m.Connect(ctx, agent.Port, theirs)
	return ours, err
}

// command runs the command, on the user's terminal if there is one.
func (s *session) command(conn agent.Conn) (status int, err error) {
	o, st := s.o, s.streams
	e := &enter.Options{
		Name: "the guest", Interactive: true, Stdin: o.Stdin, Stdout: o.Stdout, Stderr: o.Stderr,
		Dial:  func() (agent.Conn, error) { return conn, nil },
		Start: agent.Start{Argv: o.Command, TTY: !s.pipe},
	}
	if len(o.Command) == 0 {
		e.Start.Argv = []string{"/bin/sh"}
	}
	if e.Start.TTY {
		return enter.Run(e)
	}
	how, err := agent.Exec(conn, e.Start, agent.Streams{
		Stdin: &input{o.Stdin, s}, Stdout: noted{st, st.out}, Stderr: noted{st, st.errs}, Signals: st.signals,
	})
	var out *agent.OutputError
	if errors.As(err, &out) { // the output says so itself
		<-s.m.Done()
		return 128 + int(syscall.SIGPIPE), nil
	}
	return e.Status(how, err)
}

// keep makes the machine the snapshot that others start from. It is on the medium some time later.
func (s *session) keep() {
	dir := s.warmth.dir
	if dir == "" {
		return
	}
	r, err := s.request()
	if err != nil {
		s.murmur(err)
		return
	}
	w, err := snapshot.Create(dir, true)
	if err != nil && os.RemoveAll(dir) == nil { // something that is no snapshot, and nobody's
		w, err = snapshot.Create(dir, true)
	}
	if err != nil {
		s.murmur(err)
		return
	}
	out, err := s.take(context.Background(), w, r)
	if err != nil {
		s.murmur(err)
		s.murmur(w.Abort())
		return
	}
	s.warmth.kept = make(chan error, 1)
	go func() {
		err := w.Commit(out)
		if err == nil {
			prune(filepath.Dir(dir), warmMost)
		}
		s.warmth.kept <- err
	}()
}
