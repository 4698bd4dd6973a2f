package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// measureInits is a part of each start that grows with every package that terem links.
const measureInits = "initialisation of terem's packages"

// inits measures it: the Go runtime prints a line for each package (GODEBUG=inittrace=1). The command ends at once.
func (s *suite) inits() error {
	err := s.rounds("inits", s.conf.rounds, s.vmms[:1], func(v vmm) error {
		c := exec.Command(s.conf.terem, "run", "--memory", "none")
		c.Env = append(os.Environ(), "GODEBUG=inittrace=1")
		var stderr bytes.Buffer
		c.Stderr = &stderr
		var exit *exec.ExitError
		if err := c.Run(); !errors.As(err, &exit) {
			return fmt.Errorf("terem run --memory none: %v, and not an exit status", err)
		}
		total, err := initTime(stderr.String())
		if err != nil {
			return err
		}
		s.report.add(measureInits, v.name, milliseconds, total)
		return nil
	})
	if s.conf.ips == 0 {
		s.report.limit(measureInits, nameTerem, 0.3)
	}
	return err
}

// initTime adds up the runtime's lines, in milliseconds. Package internal/godebug is left out: it takes its time because
// GODEBUG is set.
//
//	init net @2.4 ms, 0.021 ms clock, 1488 bytes, 28 allocs
func initTime(trace string) (total float64, err error) {
	seen := false
	for line := range strings.Lines(trace) {
		w := strings.Fields(line)
		if len(w) < 7 || w[0] != "init" || w[6] != "clock," || w[1] == "internal/godebug" {
			continue
		}
		t, err := strconv.ParseFloat(w[4], 64)
		if err != nil {
			return 0, fmt.Errorf("a line of inittrace, %q: %w", line, err)
		}
		total, seen = total+t, true
	}
	if !seen {
		return 0, fmt.Errorf("no line of inittrace in %q", trace)
	}
	return total, nil
}
