package main

import (
	"os/exec"
	"time"
)

// backend is a kind of emulated processor.
type backend struct {
	name   string // as in make test-NAME
	title  string
	module string // KVM's, for this processor
	// boot is roughly how long the outer system takes to its first job on an idle machine, and pace how much
	// longer than on hardware programs take in it: limits are made of both.
	boot time.Duration
	pace int
	// start starts the emulator: it boots m, and ends when the outer system powers off or resets.
	start func(m machine) (*exec.Cmd, error)
}

// machine is what an emulator is to be.
type machine struct {
	dir             string // for the emulator's files
	kernel, initrd  string
	words           string // kernel command line, without the console
	cpus            int
	ips             int    // instructions that are a second of the machine's clock; 0: as the emulator does it
	cpu             string // another processor than the backend's own; QEMU's -cpu or Bochs's model and flags
	console, report string // files for what the two serial ports send
	terminal        bool   // console is a terminal, and the outer system reads from it, too
}

func backends() []backend {
	return []backend{
		{name: "amdv", title: "AMD-V (QEMU TCG)", module: "kvm_amd", boot: 20 * time.Second, pace: 1, start: qemu},
		{name: "vtx", title: "VT-x (Bochs)", module: "kvm_intel", boot: 2 * time.Minute, pace: 2, start: bochs},
	}
}
