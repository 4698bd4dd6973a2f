package gdb

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// threadOf is a vCPU by its thread's number; 0 and -1 are any.
func (s *session) threadOf(digits string) (cpu int, known bool) {
	if digits == "0" || digits == "-1" {
		return s.thread, true
	}
	n, err := strconv.ParseUint(digits, 16, 31)
	if err != nil || n < 1 || n > uint64(s.t.CPUs()) {
		return 0, false
	}
	return int(n) - 1, true
}

// choose is an H packet: which vCPU g, m and the like are of. For c it says what vCont says better.
func (s *session) choose(text string) string {
	if text == "" {
		return wrong
	}
	cpu, known := s.threadOf(text[1:])
	if known && text[0] == 'g' {
		s.thread = cpu
	}
	return okIf(known)
}

// resumeOld is c, s, C or S: with the signal, which a machine has no use for, and with an address to go on at.
func (s *session) resumeOld(p string) error {
	rest := p[1:]
	if p[0] == 'C' || p[0] == 'S' {
		_, rest, _ = strings.Cut(rest, ";")
	}
	if rest != "" {
		at, err := strconv.ParseUint(rest, 16, 64)
		if err != nil {
			return s.reply(wrong)
		}
		if answer := s.change(func(r *Registers) bool { r.RIP = at; return true }); answer != ok {
			return s.reply(answer)
		}
	}
	what := all(s.t, Go)
	if p[0] == 's' || p[0] == 'S' {
		what = all(s.t, Stay)
		what[s.thread] = Step
	}
	return s.resume(what)
}

func (s *session) resume(what []Action) error {
	if err := s.t.Resume(what); err != nil {
		return s.reply(no)
	}
	s.running = true
	return s.tell()
}

// tell says which breakpoints do not work yet, once.
func (s *session) tell() error {
	waiting := s.t.Waiting()
	more := len(waiting) > s.told
	s.told = len(waiting)
	if !more {
		return nil
	}
	text := fmt.Sprintf("terem: no debug register is left for %d of the breakpoints, and no RAM is mapped there yet (%#x). They are tried again whenever the guest goes on.\n",
		len(waiting), waiting[0].Addr)
	return s.send(frame("O" + hex.EncodeToString([]byte(text))))
}

// detach leaves a machine that runs.
func (s *session) detach() error {
	s.points = nil
	if s.t.SetBreakpoints(s.thread, nil) != nil || s.t.Resume(all(s.t, Go)) != nil {
		return s.reply(no)
	}
	_ = s.reply(ok) // it need not wait for that
	return errOver
}

// verbose are the packets with a name.
func (s *session) verbose(p string) error {
	switch {
	case p == "vCont?":
		return s.reply("vCont;c;C;s;S")
	case strings.HasPrefix(p, "vCont;"):
		what, good := s.actions(strings.Split(p, ";")[1:])
		if !good {
			return s.reply(wrong)
		}
		return s.resume(what)
	case strings.HasPrefix(p, "vKill"):
		s.t.Kill()
		_ = s.reply(ok)
		return errOver
	}
	return s.reply(unknown)
}

// actions parses "action:thread" for each: the first that fits a vCPU is its own.
func (s *session) actions(list []string) (what []Action, good bool) {
	what = make([]Action, s.t.CPUs())
	decided := make([]bool, len(what))
	for _, one := range list {
		action, thread, named := strings.Cut(one, ":")
		a := Go
		switch {
		case action == "":
			return nil, false
		case action[0] == 's' || action[0] == 'S':
			a = Step
		case action[0] != 'c' && action[0] != 'C':
			return nil, false
		}
		cpu, known := s.threadOf(thread)
		if named && !known {
			return nil, false
		}
		for i := range what {
			if (!named || thread == "-1" || i == cpu) && !decided[i] {
				what[i], decided[i] = a, true
			}
		}
	}
	return what, slices.Contains(decided, true)
}
