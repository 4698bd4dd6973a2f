package gdb

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// Answers that mean something by themselves.
const (
	ok      = "OK"
	unknown = ""    // no such packet here
	wrong   = "E16" // EINVAL: a packet that makes no sense
	no      = "E0e" // EFAULT: what it asks for is not there
)

// command carries out a packet and answers it.
func (s *session) command(p string) error {
	if p == "" {
		return s.reply(unknown)
	}
	rest := p[1:]
	switch p[0] {
	case '?':
		return s.reply(s.why())
	case 'g':
		return s.reply(s.readRegisters())
	case 'G':
		return s.reply(s.writeRegisters(rest))
	case 'p':
		return s.reply(s.readRegister(rest))
	case 'P':
		return s.reply(s.writeRegister(rest))
	case 'm':
		return s.reply(s.readMemory(rest))
	case 'M':
		return s.reply(s.writeMemory(rest))
	case 'Z', 'z':
		return s.reply(s.breakpoint(rest, p[0] == 'Z'))
	case 'H':
		return s.reply(s.choose(rest))
	case 'T':
		_, known := s.threadOf(rest)
		return s.reply(okIf(known))
	case 'c', 's', 'C', 'S':
		return s.resumeOld(p)
	case 'v':
		return s.verbose(p)
	case 'q', 'Q':
		return s.query(p)
	case 'D':
		return s.detach()
	case 'k':
		s.t.Kill()
		return errOver
	}
	return s.reply(unknown)
}

func okIf(good bool) string {
	if good {
		return ok
	}
	return wrong
}

func (s *session) readRegisters() string {
	r, err := s.t.Registers(s.thread)
	if err != nil {
		return no
	}
	return r.all()
}

func (s *session) writeRegisters(digits string) string {
	b, err := hex.DecodeString(digits)
	if err != nil {
		return wrong
	}
	return s.change(func(r *Registers) bool { return r.putAll(b) })
}

// change reads the registers, changes them and writes them.
func (s *session) change(f func(*Registers) bool) string {
	r, err := s.t.Registers(s.thread)
	if err != nil {
		return no
	}
	if !f(&r) {
		return wrong
	}
	if err := s.t.SetRegisters(s.thread, &r); err != nil {
		return no
	}
	return ok
}

func (s *session) readRegister(digits string) string {
	d, known := registerOf(digits)
	if !known {
		return wrong
	}
	r, err := s.t.Registers(s.thread)
	if err != nil {
		return no
	}
	return hex.EncodeToString(d.read(&r, nil))
}

func (s *session) writeRegister(text string) string {
	number, digits, _ := strings.Cut(text, "=")
	d, known := registerOf(number)
	b, err := hex.DecodeString(digits)
	if !known || err != nil || len(b) != d.bits/8 || d.keep {
		return wrong
	}
	return s.change(func(r *Registers) bool { d.write(r, b); return true })
}

// registerOf is a register by its number, in hexadecimal digits.
func registerOf(digits string) (register, bool) {
	list := registers()
	n, err := strconv.ParseUint(digits, 16, 16)
	if err != nil || n >= uint64(len(list)) {
		return register{}, false
	}
	return list[n], true
}

// span parses "addr,length".
func span(text string) (addr, n uint64, good bool) {
	a, b, both := strings.Cut(text, ",")
	addr, err := strconv.ParseUint(a, 16, 64)
	if err != nil || !both {
		return 0, 0, false
	}
	n, err = strconv.ParseUint(b, 16, 64)
	return addr, n, err == nil
}

// readMemory answers with as much as is there, which may be less than was asked for.
func (s *session) readMemory(text string) string {
	addr, n, good := span(text)
	if !good {
		return wrong
	}
	b := make([]byte, min(n, maxPacket/2))
	got, err := s.t.Read(s.thread, addr, b)
	if err != nil || got == 0 && len(b) > 0 {
		return no
	}
	return hex.EncodeToString(b[:got])
}

func (s *session) writeMemory(text string) string {
	place, digits, both := strings.Cut(text, ":")
	addr, n, good := span(place)
	b, err := hex.DecodeString(digits)
	if !both || !good || err != nil || uint64(len(b)) != n {
		return wrong
	}
	if s.t.Write(s.thread, addr, b) != nil {
		return no
	}
	return ok
}

// maxBreakpoints is more than a person sets.
const maxBreakpoints = 1000

// breakpoint sets or takes away one: "kind,addr,length".
func (s *session) breakpoint(text string, set bool) string {
	number, place, _ := strings.Cut(text, ",")
	place, _, _ = strings.Cut(place, ";") // conditions and commands, which gdb is not told that we know
	kind, err := strconv.Atoi(number)
	addr, n, good := span(place)
	if err != nil || !good {
		return wrong
	}
	b := Breakpoint{Kind: Kind(kind), Addr: addr, Len: int(min(n, maxPacket))}
	switch b.Kind {
	case Software, Hardware:
		b.Len = 1 // gdb gives the length of the instruction that it would write
	case Write, Access:
	default:
		return unknown // so gdb takes an access for a read, and looks whether the value has changed
	}
	list := slices.DeleteFunc(slices.Clone(s.points), func(old Breakpoint) bool { return old == b })
	if set {
		list = append(list, b)
	}
	if len(list) > maxBreakpoints || s.t.SetBreakpoints(s.thread, list) != nil {
		return no
	}
	s.points = list
	return ok
}
