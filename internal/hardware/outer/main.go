package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"terem/internal/hardware/wire"
	"terem/kvm"
)

const (
	reportPort = "/dev/ttyS1"
	console    = "/dev/console"
)

func main() {
	err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "outer:", err) // the console
	}
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF) // as PID 1 there is nobody to tell of a failure: the host has a limit
}

func run() error {
	if os.Getpid() != 1 {
		return fmt.Errorf("only for PID 1 of a machine of its own: it mounts, and powers off")
	}
	if err := prepare(); err != nil {
		return err
	}
	b, err := os.ReadFile(wire.PlanFile)
	if err != nil {
		return err
	}
	var p wire.Plan
	if err := json.Unmarshal(b, &p); err != nil {
		return fmt.Errorf("read %s: %w", wire.PlanFile, err)
	}
	r, err := openReport(reportPort, p.Word)
	if err != nil {
		return err
	}
	return carryOut(p, r)
}

func carryOut(p wire.Plan, r *report) error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err
	}
	r.send(wire.Message{Hello: unix.ByteSliceToString(u.Release[:])})
	for _, m := range p.Modules {
		if err := load(m); err != nil {
			r.send(wire.Message{Trouble: err.Error()})
			return err
		}
	}
	if p.Scratch {
		if err := scratch(); err != nil {
			r.send(wire.Message{Trouble: err.Error()})
			return err
		}
	}
	if err := holdVM(); err != nil && p.KVM {
		r.send(wire.Message{Trouble: err.Error()})
		return err
	}
	if p.Shell {
		return shell(p)
	}
	for _, j := range p.Jobs {
		end := runner{killAll}.run(j, func(line []byte) { r.send(wire.Message{Job: j.Name, Line: line}) })
		if err := r.drain(); err != nil {
			return err
		}
		r.send(wire.Message{Job: j.Name, End: &end})
	}
	r.send(wire.Message{Done: true})
	return r.drain()
}

// holdVM makes a VM that lives as long as this system. With the first VM KVM patches the kernel's scheduler
// (the static key of preemption notifiers), with the end of the last one it patches it back. QEMU before 8.1
// translates code without holding its page: a processor that meets such a patch half-way can keep the
// breakpoint for ever, and the system hangs.
func holdVM() error {
	s, err := kvm.Open()
	if err != nil {
		return err
	}
	_, err = s.CreateVM()
	return err
}

// shell is one on the console, with job control.
func shell(p wire.Plan) error {
	tty, err := os.OpenFile("/dev/ttyS0", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer tty.Close()
	if p.Rows > 0 {
		size := unix.Winsize{Row: p.Rows, Col: p.Columns}
		if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &size); err != nil {
			return fmt.Errorf("set the terminal's size: %w", err)
		}
	}
	c := exec.Command("/bin/sh", "-l")
	c.Env = append(environment(), "TERM=vt100", `PS1=outer:\w\$ `)
	c.Dir = home
	c.Stdin, c.Stdout, c.Stderr = tty, tty, tty
	c.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	_ = c.Run() // the status of the last command in it
	return nil
}
