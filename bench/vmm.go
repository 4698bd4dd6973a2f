package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Names of those who take part.
const (
	nameTerem   = "terem"
	nameTracing = "terem --trace" // at its exits alone
	nameRestore = "terem restore" // of a tiny guest's snapshot, at its start alone
	nameFloor   = "floor"
	nameBare    = "floor -b" // without what a tiny guest does not need
	nameQEMU    = "qemu"
	nameROM     = "qemu -bios" // with a ROM of ours in place of its firmware
	nameGokvm   = "gokvm"
)

// vmm is a program that runs a virtual machine. Its guest's serial port must be its
// standard output.
type vmm struct {
	name string
	// tiny is the command line to run a guest of package tiny with 128 MiB.
	tiny func(kernel string) []string
	// boot is the one to boot Linux; nil if it cannot.
	boot func(g linux) []string
	ends bool // it ends when its guest resets
}

// linux is what a VMM boots.
type linux struct{ kernel, initrd, cmdLine string }

const (
	floorSource  = "bench/floor/floor.c"
	gokvmPackage = "github.com/bobuhiro11/gokvm"
	ramFlag      = "128M"
	ramBytes     = 128 << 20
)

// findVMMs builds or finds those who take part, terem first.
func (s *suite) findVMMs() {
	for _, find := range []func() ([]vmm, error){s.findTerem, s.findFloor, s.findQEMU, s.findGokvm} {
		found, err := find()
		if err != nil {
			s.report.Notes = append(s.report.Notes, note{Measure: "set-up", Error: err.Error()})
		}
		s.vmms = append(s.vmms, found...)
	}
}

func (s *suite) findTerem() ([]vmm, error) {
	path, err := filepath.Abs(s.conf.terem)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		return nil, err
	}
	return []vmm{{name: nameTerem, ends: true,
		tiny: func(kernel string) []string {
			return []string{path, "run", "--quiet", "--memory", ramFlag, "--kernel", kernel}
		},
		boot: func(linux) []string { return []string{path, "run", "--memory", ramFlag} },
	}}, nil
}

func (s *suite) findFloor() ([]vmm, error) {
	program, err := s.built("floor")
	if err != nil {
		return nil, err
	}
	if s.conf.peers == "" {
		err = buildFloor(program)
	}
	if err != nil {
		return nil, err
	}
	return []vmm{
		{name: nameFloor, ends: true, tiny: func(kernel string) []string { return []string{program, kernel} }},
		{name: nameBare, ends: true, tiny: func(kernel string) []string { return []string{program, "-b", kernel} }},
	}, nil
}

// built is where a program is that takes part: in the directory of those that were built
// before, if there is one.
func (s *suite) built(name string) (string, error) {
	if s.conf.peers == "" {
		return s.path(name), nil
	}
	path := filepath.Join(s.conf.peers, name)
	_, err := os.Stat(path)
	return path, err
}

// buildPeers builds those that take part and are not of a package.
func buildPeers(dir string) error {
	return errors.Join(buildFloor(filepath.Join(dir, "floor")), buildGokvm(dir))
}

func buildFloor(program string) error {
	if out, err := exec.Command("cc", "-O2", "-Wall", "-pthread", "-o", program, floorSource).CombinedOutput(); err != nil {
		return fmt.Errorf("build floor: %w %s: `apt-get install gcc libc6-dev` installs a compiler", err, out)
	}
	return nil
}

// findQEMU finds QEMU. Its microvm is the smallest machine that it has; all that can
// be switched off is. The CPU model lacks arch-capabilities because a software
// backend refuses to set that MSR.
func (s *suite) findQEMU() ([]vmm, error) {
	path, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		return nil, errors.New("no QEMU: `apt-get install --no-install-recommends qemu-system-x86` installs it")
	}
	if out, err := exec.Command(path, "--version").Output(); err == nil {
		s.report.QEMU, _, _ = strings.Cut(string(out), "\n")
	}
	args := func(machine string, more ...string) []string {
		return append([]string{path, "-M", machine, "-accel", "kvm", "-cpu", "host,-arch-capabilities", "-m", ramFlag,
			"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio"}, more...)
	}
	const trimmed = "microvm,x-option-roms=off,pit=off,pic=off,rtc=off,isa-serial=on,auto-kernel-cmdline=off"
	return []vmm{
		{name: nameQEMU,
			tiny: func(kernel string) []string { return args(trimmed, "-kernel", kernel) },
			boot: func(g linux) []string {
				return args("microvm,isa-serial=on", "-kernel", g.kernel, "-initrd", g.initrd, "-append", g.cmdLine)
			}},
		{name: nameROM, tiny: func(string) []string { return args(trimmed, "-bios", s.path(startROM)) }},
	}, nil
}

// findGokvm finds gokvm, or builds it.
func (s *suite) findGokvm() ([]vmm, error) {
	path, err := s.built("gokvm")
	if err == nil && s.conf.peers == "" {
		err = buildGokvm(s.dir)
	}
	if err != nil {
		return nil, err
	}
	return []vmm{{name: nameGokvm,
		tiny: func(kernel string) []string { return []string{path, "boot", "-m", ramFlag, "-k", kernel} },
		boot: func(g linux) []string {
			return []string{path, "boot", "-m", ramFlag, "-k", g.kernel, "-i", g.initrd, "-p", g.cmdLine}
		},
	}}, nil
}

// buildGokvm builds the version of gokvm that terem takes its register types from.
func buildGokvm(dir string) error {
	version, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", gokvmPackage).Output()
	if err != nil {
		return fmt.Errorf("find the version of gokvm: %w", err)
	}
	install := exec.Command("go", "install", gokvmPackage+"@"+strings.TrimSpace(string(version)))
	install.Env = append(os.Environ(), "GOBIN="+dir)
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("build gokvm: %w %s", err, out)
	}
	return nil
}
