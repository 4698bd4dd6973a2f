package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// qemu is a PC with SVM, translated by TCG. Its processor "max" has all that TCG knows; nested paging is among it.
func qemu(m machine) (*exec.Cmd, error) {
	find := exec.Command("sh", "internal/hardware/qemu.sh")
	find.Stderr = os.Stderr
	program, err := find.Output()
	if err != nil {
		return nil, fmt.Errorf("find a QEMU of 9.1 or newer: %w", err)
	}
	cpu := "max,svm=on"
	if m.cpu != "" {
		cpu = m.cpu
	}
	console := "file:" + m.console
	if m.terminal {
		console = m.console // a path alone is a device
	}
	accel := []string{"-accel", "tcg,thread=multi"}
	if m.ips != 0 {
		// Each instruction is a nanosecond of the virtual clock, whatever this host does meanwhile, and no time is waited.
		accel = []string{"-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"}
	}
	c := exec.Command(strings.TrimSpace(string(program)), append(accel, "-cpu", cpu, "-m", "5000", "-smp", strconv.Itoa(m.cpus),
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", console, "-serial", "file:"+m.report,
		"-kernel", m.kernel, "-initrd", m.initrd, "-append", m.words)...)
	return c, launch(c, m.dir)
}
