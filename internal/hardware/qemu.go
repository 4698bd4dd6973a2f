package main

import (
	"os/exec"
	"strconv"
)

// qemu is a PC with SVM, translated by TCG. Its processor "max" has all that TCG knows; nested paging is among it. It goes
// without five levels of page tables, with which QEMU 7.2 mixes up the two systems more often (docs/hardware.md).
func qemu(m machine) (*exec.Cmd, error) {
	cpu := "max,svm=on,la57=off"
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
	c := exec.Command("qemu-system-x86_64", append(accel, "-cpu", cpu, "-m", "5000", "-smp", strconv.Itoa(m.cpus),
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", console, "-serial", "file:"+m.report,
		"-kernel", m.kernel, "-initrd", m.initrd, "-append", m.words)...)
	return c, launch(c, m.dir)
}
