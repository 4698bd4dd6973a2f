package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"terem/bench/internal/proc"
	"terem/guest"
	"terem/internal/lastwords"
)

const (
	measureBoot         = "cold boot to the first line of init"
	measureInstructions = "guest kernel instructions interpreted by KVM until then"
	measureExits        = "exits to the VMM until then"
)

// Bounds of one boot: a software backend takes many seconds, and some VMMs stop
// there without ending.
const (
	bootLimit = 2 * time.Minute
	peerLimit = 30 * time.Second
)

// greeting makes the default guest's init greet, as it does on a terminal.
const greeting = "terem.pipe=0"

// boot measures terem first, then the others with the same kernel, initrd and
// command line, and with terem's greeting to wait for.
func (s *suite) boot() error {
	var g linux
	var line string
	terem := s.vmms[0]
	err := s.rounds("boot", s.conf.boots, s.vmms[:1], func(v vmm) (err error) {
		g.cmdLine, line, err = s.bootTerem(v)
		return err
	})
	if err != nil {
		return err
	}
	s.report.limit(measureBoot, terem.name, 7)
	files, err := defaultGuest()
	if err != nil {
		return err
	}
	g.kernel, g.initrd = files.VMLinux, files.Initrd
	var peers []vmm
	for _, v := range s.vmms[1:] {
		if v.boot != nil {
			peers = append(peers, v)
		}
	}
	return s.rounds("boot of the others", s.conf.boots, peers, func(v vmm) error { return s.bootPeer(v, g, line) })
}

func defaultGuest() (guest.Artifacts, error) {
	dir, err := guest.DefaultCacheDir()
	if err != nil {
		return guest.Artifacts{}, err
	}
	return guest.Find(dir)
}

// bootTerem boots the default guest. When init's first line is there, nobody listens
// any more: terem ends the guest and prints its ledger.
func (s *suite) bootTerem(v vmm) (cmdLine, line string, err error) {
	argv := append(v.boot(linux{}), "--verbose", "--exits=json", "--append", greeting)
	p, err := proc.Start(argv, nil, bootLimit)
	if err != nil {
		return "", "", err
	}
	defer p.Close()
	line, took, err := p.Line(func(l string) bool { return strings.TrimSpace(l) != "" })
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
	s.report.add(measureBoot, v.name, seconds, took.Seconds())
	s.report.add(measureExits, v.name, count, float64(l.exits))
	if l.instructions > 0 { // a processor that runs guests itself does not count
		s.report.add(measureInstructions, v.name, count, float64(l.instructions))
	}
	return l.cmdLine, line, nil
}

func (s *suite) bootPeer(v vmm, g linux, line string) error {
	p, err := proc.Start(v.boot(g), nil, peerLimit)
	if err != nil {
		return err
	}
	_, took, err := p.Line(func(l string) bool { return strings.TrimSpace(l) == strings.TrimSpace(line) })
	p.Close()
	if err != nil {
		return &deathError{err, p.LastWords(), p.Stderr()}
	}
	s.report.add(measureBoot, v.name, seconds, took.Seconds())
	return nil
}

// ledger is what terem says on its standard error.
type ledger struct {
	cmdLine      string
	exits        uint64
	instructions uint64
}

// parseLedger reads the output of --verbose and --exits=json.
func parseLedger(stderr string) (ledger, error) {
	const prefix = "terem: kernel command line: "
	var l ledger
	var body struct {
		Exits []struct {
			Count uint64 `json:"count"`
		} `json:"exits"`
		KVM map[string]uint64 `json:"kvm"`
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
	l.instructions = body.KVM["insn_emulation"]
	return l, nil
}
