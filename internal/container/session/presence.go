package session

import (
	"context"
	"io"
	"os"
	"syscall"
	"time"

	"terem/internal/cli/presence"
	"terem/internal/cli/tty"
	"terem/internal/fault"
	"terem/internal/vm/control"
)

// statusKilled is the exit status of a container that somebody else has ended: as if by SIGKILL.
const statusKilled = statusSignal + int(syscall.SIGKILL)

// claim takes the name that the user gave. In the background a file takes what the program and terem say. The program has a
// pipe to it: the file is the host's, so it would not be the program's to open or to change.
func (s *session) claim() (err error) {
	if s.here, err = presence.Claim(s.o.Name, "ct", s.o.Detached); err != nil {
		return err
	}
	log := s.here.Log()
	if log == nil {
		return nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return &fault.Error{Class: fault.Host, Thing: "log", Err: err}
	}
	s.logged = make(chan struct{})
	go func() {
		defer close(s.logged)
		defer r.Close()
		_, _ = io.Copy(log, r) // a disk that is full ends the program by SIGPIPE
	}()
	s.o.Config.Stdin, s.o.Config.Stdout, s.o.Config.Stderr = nil, w, w
	s.voice = tty.NewVoice(log)
	return nil
}

// closeLog waits until all that the program said is in the file. Nobody else has the pipe any more.
func (s *session) closeLog() {
	if s.logged != nil {
		s.o.Config.Stdout.Close()
		<-s.logged
	}
}

// appear has others find the container. Without a name from the user one that cannot appear runs unseen: nobody asked for
// more.
func (s *session) appear() {
	s.here.Appear(presence.What{
		Verbs: control.Verbs{Info: s.info, Stats: s.stats, Stop: s.stop, Pause: s.k.Pause, Resume: s.k.Resume,
			Kill: func() { s.end(statusKilled, "killed by `terem kill`") }},
		Ports: s.visitors,
		Failed: func(err error) {
			if s.o.Name != "" || s.o.Verbose {
				s.say("warning: " + fault.Say(err, func(f string) string { return f }) + "; no command will reach this container")
			}
		},
	})
}

func (s *session) info() control.Info {
	c := &s.o.Config
	return control.Info{Kind: control.KindContainer, Agent: true, Command: c.Argv, CPUs: c.Limits.CPUs, Memory: c.Limits.Memory}
}

func (s *session) stats(context.Context) (control.Stats, error) {
	u, err := s.k.Usage()
	return control.Stats{CPU: u.CPU, Resident: u.Memory, Read: u.Read, Written: u.Written}, err
}

// stop gives the program the time of grace to end itself. How it has ended is its own to say, unless it had to be ended.
func (s *session) stop(grace time.Duration) {
	s.pass(syscall.SIGTERM)
	select {
	case <-s.k.Done():
	case <-time.After(grace):
		s.end(statusKilled, "it did not end when `terem stop` asked it to")
	}
}
