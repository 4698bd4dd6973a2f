package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"terem/bench/internal/proc"
	"terem/guest"
	"terem/internal/measure/lastwords"
)

const (
	measureBoot         = "cold boot to the first line of init"
	measureProgram      = "cold boot to the first output of a program"
	measureInstructions = "guest kernel instructions interpreted by KVM until then"
	measureExits        = "exits to the VMM until then"
)

// Bounds of one boot: a software backend takes many seconds, and some VMMs stop
// there without ending.
const (
	bootLimit = 2 * time.Minute
	peerLimit = 30 * time.Second
)

// greeting makes the default guest's init greet on its console, as it does on a terminal.
const greeting = "terem.pipe=0"

// said is what the program that is booted for says, and nothing else does.
const said = "the-program-runs"

// boot measures to init, and to a program.
func (s *suite) boot() error {
	isText := func(l string) bool { return strings.TrimSpace(l) != "" }
	toInit, err := s.bootAll(measureBoot, []string{"--console", "stdio", "--append", greeting}, isText)
	if err != nil {
		return err
	}
	isSaid := func(l string) bool { return strings.TrimSpace(l) == said }
	toProgram, err := s.bootAll(measureProgram, []string{"--", "/bin/probe", "mark", said}, isSaid)
	if err != nil {
		return err
	}
	err = errors.Join(toInit(), toProgram())
	s.bootGoals()
	return err
}

// bootAll boots terem, and gives what boots the others: with the same kernel, initrd and
// command line, and with the line of terem's guest to wait for.
func (s *suite) bootAll(measure string, args []string, accept func(string) bool) (others func() error, err error) {
	var g linux
	var line string
	err = s.rounds(measure, s.conf.boots, s.vmms[:1], func(v vmm) (err error) {
		g.cmdLine, line, err = s.bootTerem(v, measure, args, accept)
		return err
	})
	if err != nil {
		return nil, err
	}
	files, err := defaultGuest()
	if err != nil {
		return nil, err
	}
	g.kernel, g.initrd = files.VMLinux, files.Initrd
	var peers []vmm
	for _, v := range s.vmms[1:] {
		if v.boot != nil {
			peers = append(peers, v)
		}
	}
	return func() error {
		return s.rounds(measure+", the others", s.conf.boots, peers, func(v vmm) error { return s.bootPeer(v, measure, g, line) })
	}, nil
}

func defaultGuest() (guest.Artifacts, error) {
	dir, err := guest.DefaultCacheDir()
	if err != nil {
		return guest.Artifacts{}, err
	}
	return guest.Find(dir)
}

// bootTerem boots the default guest. When the line that is waited for is there, nobody
// listens any more: terem ends the guest and prints its ledger.
func (s *suite) bootTerem(v vmm, measure string, args []string, accept func(string) bool) (cmdLine, line string, err error) {
	argv := append(append(v.boot(linux{}), "--verbose", "--exits=json"), args...)
	p, err := proc.Start(argv, s.options(nil, bootLimit))
	if err != nil {
		return "", "", err
	}
	defer p.Close()
	line, took, err := p.Line(accept)
	if err == nil {
		err = p.Deafen()
	}
	if err == nil {
		_, err = p.Wait(bootLimit)
	}
	if err != nil {
		p.Close()
		return "", "", &deathError{err, p.LastWords(), p.Stderr()}
	}
	l, err := parseLedger(p.Stderr())
	if err != nil {
		return "", "", err
	}
	s.report.add(measure, v.name, seconds, took.Seconds())
	if measure != measureBoot {
		return l.cmdLine, line, nil
	}
	s.report.add(measureExits, v.name, count, float64(l.exits))
	if l.instructions > 0 { // a processor that runs guests itself does not count
		s.report.add(measureInstructions, v.name, count, float64(l.instructions))
	}
	return l.cmdLine, line, nil
}

func (s *suite) bootPeer(v vmm, measure string, g linux, line string) error {
	p, err := proc.Start(v.boot(g), s.options(nil, peerLimit))
	if err != nil {
		return err
	}
	_, took, err := p.Line(func(l string) bool { return strings.TrimSpace(l) == strings.TrimSpace(line) })
	p.Close()
	if err != nil {
		return &deathError{err, p.LastWords(), p.Stderr()}
	}
	s.report.add(measure, v.name, seconds, took.Seconds())
	return nil
}

// ledger is what terem says on its standard error.
type ledger struct {
	cmdLine      string
	exits        uint64
	instructions uint64
	phases       []phase
}

// phase is a part of a machine's life, as machine.Phase has it.
type phase struct {
	Name string        `json:"name"`
	Time time.Duration `json:"ns"`
}

// parseLedger reads the output of --verbose and --exits=json.
func parseLedger(stderr string) (ledger, error) {
	const prefix = "terem: kernel command line: "
	var l ledger
	var body struct {
		Exits []struct {
			Count uint64 `json:"count"`
		} `json:"exits"`
		KVM    map[string]uint64 `json:"kvm"`
		Phases []phase           `json:"phases"`
	}
	at := strings.Index(stderr, "\n{")
	if at < 0 {
		return l, fmt.Errorf("terem printed no ledger: %s", lastwords.Of(stderr, ""))
	}
	if err := json.NewDecoder(strings.NewReader(stderr[at:])).Decode(&body); err != nil {
		return l, fmt.Errorf("read terem's ledger: %w", err)
	}
	for line := range strings.Lines(stderr[:at]) {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			l.cmdLine = strings.TrimSpace(rest)
		}
	}
	for _, e := range body.Exits {
		l.exits += e.Count
	}
	l.instructions, l.phases = body.KVM["insn_emulation"], body.Phases
	return l, nil
}
