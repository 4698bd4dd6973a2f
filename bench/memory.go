package main

import (
	"time"

	"terem/bench/internal/proc"
	"terem/internal/measure/smaps"
)

const (
	measureMemory = "private dirty memory outside guest RAM, idle shell"
	measureGuest  = "guest RAM in use then"
)

// settle is how long a guest may idle before its VMM is weighed.
const settle = 2 * time.Second

// memoryRuns is how often it is weighed: it hardly varies.
const memoryRuns = 3

// memory weighs terem while a shell in the guest waits for input.
func (s *suite) memory() error {
	err := s.rounds("memory", min(memoryRuns, s.conf.boots), s.vmms[:1], s.weigh)
	s.report.limit(measureMemory, nameTerem, 8)
	return err
}

func (s *suite) weigh(v vmm) error {
	return s.idle(v, nil, func(p *proc.Process) error {
		m, err := smaps.Read(p.PID(), ramBytes)
		if err != nil {
			return err
		}
		s.report.add(measureMemory, v.name, mebibytes, mib(m.PrivateDirty))
		s.report.add(measureGuest, v.name, mebibytes, mib(m.GuestRAM))
		s.report.Mappings = m.Mappings
		return nil
	})
}

func mib(bytes uint64) float64 { return float64(bytes) / (1 << 20) }
