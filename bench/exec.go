package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"terem/internal/cli/enter"
	"terem/internal/running"
	"terem/internal/vm/agent"
)

const (
	measureExec = "/bin/true in a guest that runs"
	measurePipe = "1 MiB through `terem run -- cat`, in and out, without the boot"

	nameExec   = "terem exec"
	nameCaller = "the agent, called from a program that runs"
	nameShell  = "a shell in the guest"
	nameOfHost = "the host's part: terem exec without the call"
	nameAgent  = "by the agent"
	nameSerial = "by the serial console"

	// shellRuns is how many programs one sample of the shell starts.
	shellRuns = 20
	// pipeBytes is what goes through cat. The console gets a part of it, and the time is scaled: each byte costs the same.
	pipeBytes   = 1 << 20
	serialBytes = pipeBytes / 64
)

// exec measures another program in a machine that runs, beside what the guest needs for it by itself; and bytes on their
// way through a guest's program.
func (s *suite) exec() error {
	if err := os.Setenv(running.RootVar, filepath.Join(s.dir, "running")); err != nil {
		return err
	}
	return errors.Join(s.execTrue(), s.pipes())
}

func (s *suite) execTrue() error {
	if _, err := s.command(nil, "run", "--detach", "--name", "bench", "--", "sleep", "100000"); err != nil {
		return err
	}
	defer s.command(nil, "kill", "bench") // the directory goes with it
	if err := s.call(); err != nil {      // it boots
		return err
	}
	loop := fmt.Sprintf("i=0; while [ $i -lt %d ]; do /bin/true; i=$((i+1)); done", shellRuns)
	err := s.rounds(measureExec, s.conf.rounds, s.vmms[:1], func(vmm) error {
		program, err1 := s.command(nil, "exec", "bench", "--", "/bin/true")
		caller, err2 := timed(s.call)
		empty, err3 := s.command(nil, "exec", "bench", "--", "sh", "-c", ":")
		full, err4 := s.command(nil, "exec", "bench", "--", "sh", "-c", loop)
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			return err
		}
		s.addMillis(measureExec, nameExec, program)
		s.addMillis(measureExec, nameCaller, caller)
		s.addMillis(measureExec, nameOfHost, program-caller)
		s.addMillis(measureExec, nameShell, (full-empty)/shellRuns)
		return nil
	})
	s.report.ratio(measureExec, nameCaller, nameShell, 1.3)
	if s.conf.ips == 0 {
		s.report.limit(measureExec, nameOfHost, 3) // milliseconds
	}
	return err
}

// pipes sends bytes through cat, over the agent and over the console, and takes off what a guest takes without any.
func (s *suite) pipes() error {
	err := s.rounds(measurePipe, s.conf.boots, s.vmms[:1], func(vmm) error {
		for _, way := range []struct {
			name  string
			size  int
			flags []string
		}{{nameAgent, pipeBytes, nil}, {nameSerial, serialBytes, []string{"--console", "stdio"}}} {
			args := append(append([]string{"run"}, way.flags...), "--", "cat")
			none, err1 := s.command(nil, args...)
			all, err2 := s.command(bytes.Repeat([]byte("0123456789abcde\n"), way.size/16), args...)
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
			s.addMillis(measurePipe, way.name, (all-none)*time.Duration(pipeBytes/way.size))
		}
		return nil
	})
	s.report.ratio(measurePipe, nameAgent, nameSerial, 1.0/20)
	return err
}

func (s *suite) addMillis(measure, name string, d time.Duration) {
	s.report.add(measure, name, milliseconds, d.Seconds()*1e3)
}

// command runs terem to its end. What goes in must come out, and nothing else.
func (s *suite) command(in []byte, args ...string) (time.Duration, error) {
	c := exec.Command(s.vmms[0].boot(linux{})[0], args...)
	var out, errs bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(in), &out, &errs
	took, err := timed(c.Run)
	if err != nil {
		return 0, fmt.Errorf("terem %q: %w: %s", args, err, &errs)
	}
	if in != nil && !bytes.Equal(in, out.Bytes()) {
		return 0, fmt.Errorf("terem %q: of %d bytes %d came back, or not as they were", args, len(in), out.Len())
	}
	return took, nil
}

// call has the agent start a program, as terem exec does.
func (s *suite) call() error {
	c, err := enter.Dial("bench")
	if err != nil {
		return err
	}
	st, err := agent.Exec(c, agent.Start{Argv: []string{"/bin/true"}}, agent.Streams{})
	if err == nil && st.Exit() != 0 {
		err = fmt.Errorf("/bin/true ended with %d", st.Exit())
	}
	return err
}

func timed(do func() error) (time.Duration, error) {
	begin := time.Now()
	err := do()
	return time.Since(begin), err
}
