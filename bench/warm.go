package main

import (
	"errors"
	"os"
	"path/filepath"
)

const (
	measureWarm = "/bin/true, from the process to its end"

	nameCold      = "terem run"
	nameWarm      = "terem run --warm"
	nameContainer = "terem container run"
)

// warm measures a program in a machine that boots, in one that goes on from a snapshot, and in a container. The snapshot is there before.
func (s *suite) warm() error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	if _, err := s.command(nil, "run", "--warm", "--", "/bin/true"); err != nil {
		return err
	}
	defer os.RemoveAll(filepath.Join(cache, "terem", "warm")) // others are made again
	err = s.rounds(measureWarm, s.conf.rounds, s.vmms[:1], func(vmm) error {
		cold, err1 := s.command(nil, "run", "--", "/bin/true")
		warm, err2 := s.command(nil, "run", "--warm", "--", "/bin/true")
		container, err3 := s.command(nil, "container", "run", "--", "/bin/true")
		if err := errors.Join(err1, err2, err3); err != nil {
			return err
		}
		s.addMillis(measureWarm, nameCold, cold)
		s.addMillis(measureWarm, nameWarm, warm)
		s.addMillis(measureWarm, nameContainer, container)
		return nil
	})
	s.report.ratio(measureWarm, nameWarm, nameContainer, 1)
	return err
}
