package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	measureFirst = "a program's first output, from the process's start"
	measureGone  = "that program, until all of it is gone"

	nameCold      = "terem run"
	nameWarm      = "terem run --warm"
	nameFrozen    = "terem run --warm=program"
	nameContainer = "terem container run"
)

// warm measures a program in a machine that boots, in one that goes on from a snapshot of a guest or of the program at its first instruction, and in a
// container. The snapshots are there before.
func (s *suite) warm() error {
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	if _, err := s.command(nil, "run", "--warm=program", "--", "/bin/echo", "x"); err != nil {
		return err
	}
	defer os.RemoveAll(filepath.Join(cache, "terem", "warm")) // others are made again
	err = s.rounds(measureFirst, s.conf.rounds, s.vmms[:1], func(vmm) error {
		for _, way := range []struct {
			name string
			args []string
		}{{nameCold, []string{"run"}}, {nameWarm, []string{"run", "--warm"}}, {nameFrozen, []string{"run", "--warm=program"}}, {nameContainer, []string{"container", "run"}}} {
			first, gone, err := s.output(append(way.args, "--", "/bin/echo", "x")...)
			if err != nil {
				return err
			}
			s.addMillis(measureFirst, way.name, first)
			s.addMillis(measureGone, way.name, gone)
		}
		return nil
	})
	s.report.ratio(measureFirst, nameWarm, nameContainer, 1)
	s.report.ratio(measureFirst, nameFrozen, nameContainer, 0.5)
	return err
}

// output runs terem and says when the first byte came out, and when all was over.
func (s *suite) output(args ...string) (first, gone time.Duration, err error) {
	c := exec.Command(s.vmms[0].boot(linux{})[0], args...)
	out, err := c.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	begin := time.Now()
	if err := c.Start(); err != nil {
		return 0, 0, err
	}
	_, err = io.ReadFull(out, make([]byte, 1))
	first = time.Since(begin)
	if err = errors.Join(err, c.Wait()); err != nil {
		err = fmt.Errorf("terem %q: %w", args, err)
	}
	return first, time.Since(begin), err
}
