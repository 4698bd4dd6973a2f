package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"terem/guest/initramfs"
	"terem/internal/hardware/wire"
)

// What may be measured in an outer system.
const (
	measureBench   = "bench"   // package bench, which counts instructions where the clock does
	measureCompare = "compare" // terem compare
)

// Where the outer system has what measures.
const (
	benchFile  = tree + "/bench"
	peersDir   = tree + "/peers"
	reportFile = "/tmp/report.json"
	binDir     = "/usr/bin" // QEMU looks for its firmware beside the directory that it is in
)

// measureLimit is of the outer system's clock.
const measureLimit = 30 * time.Minute

// measureIPS is how many instructions the clock of an outer system calls a second, if it measures: as many as
// a processor of today does. QEMU's -icount counts so. By Bochs's usual number timers would come, in
// instructions, fifteen times as often; and Go's runtime takes the processor from a thread whose system call
// lasts longer than 20 µs, which would be every exit of a guest.
const measureIPS = 1_000_000_000

// microvmBIOS is the firmware of QEMU's microvm, of Debian's package qemu-system-data.
const microvmBIOS = "/usr/share/qemu/bios-microvm.bin"

// measure boots an outer system in which a program measures. It prints what that says, and
// writes its report to a file.
func (o options) measure(ctx context.Context, tmp string, out outer) (bool, error) {
	job, err := o.measureJob()
	if err != nil {
		return false, err
	}
	if err := addPeers(ctx, out.root, tmp); err != nil {
		return false, err
	}
	out.cpus, out.ips = 1, measureIPS
	out.backend.boot *= measureIPS / bochsIPS // a pause is as many instructions more
	out.jobs = []wire.Job{job, {Name: "report", Argv: []string{"/bin/cat", reportFile}, Limit: time.Minute}}
	rec, err := out.run(ctx, tmp)
	if err != nil {
		return false, err
	}
	said, report := rec.jobs[0], rec.jobs[1]
	_, err = os.Stdout.Write(said.output.Bytes())
	if rec.failure != "" {
		return false, errors.Join(err, fmt.Errorf("%s\n%s", rec.failure, rec.console))
	}
	for _, j := range rec.jobs {
		if why := j.end.String(); why != "" {
			return false, errors.Join(err, fmt.Errorf("%s: %s", j.Name, why))
		}
	}
	if !json.Valid(report.output.Bytes()) {
		return false, errors.Join(err, fmt.Errorf("the report came back cut off, %d bytes of it", report.output.Len()))
	}
	fmt.Fprintf(os.Stderr, "hardware: %s, Linux %s; it took %.0f s; the report is in %s\n", out.backend.title, rec.release, rec.took.Seconds(), o.report)
	if err := os.MkdirAll(filepath.Dir(o.report), 0o755); err != nil {
		return false, err
	}
	return true, errors.Join(err, os.WriteFile(o.report, report.output.Bytes(), 0o644))
}

// measureJob is what is run. Fewer rounds than on a processor are enough: an emulated one has nothing else to do.
func (o options) measureJob() (wire.Job, error) {
	commit, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return wire.Job{}, fmt.Errorf("git describe: %w", describe(err))
	}
	j := wire.Job{Name: o.what, Env: []string{"PATH=/bin:" + binDir}, Limit: measureLimit}
	switch {
	case o.what == measureCompare:
		j.Argv = []string{"/bin/terem", "compare", "--quick", "--rounds", "6", "--targets", "process,container,bwrap,crun,vm-frozen,vm-warm,vm,qemu", "--json", reportFile}
	case o.what == measureBench:
		j.Argv = []string{benchFile, "-peers", peersDir, "-terem", "/bin/terem", "-ips", strconv.Itoa(measureIPS),
			"-only", "start,inits,exit,boot,exec,warm,timer", "-rounds", "3", "-boots", "2", "-commit", strings.TrimSpace(string(commit)), "-o", reportFile}
	default:
		return j, fmt.Errorf("--measure %s: %s, %s or %s", o.what, measureBench, measureCompare, measureSelftests)
	}
	return j, nil
}

// addPeers puts in what terem is measured beside, and what measures.
func addPeers(ctx context.Context, a *initramfs.Archive, tmp string) error {
	peers := filepath.Join(tmp, "peers")
	if err := os.Mkdir(peers, 0o755); err != nil {
		return err
	}
	bench := filepath.Join(peers, "bench")
	for _, argv := range [][]string{{"go", "build", "-ldflags=-s -w", "-o", bench, "./bench"}, {bench, "-build", peers}} {
		if err := static(ctx, argv...); err != nil {
			return err
		}
	}
	for _, name := range []string{"floor", "gokvm"} {
		if err := addProgram(ctx, a, path.Join(peersDir, name), filepath.Join(peers, name)); err != nil {
			return err
		}
	}
	for _, name := range []string{"qemu-system-x86_64", "crun", "bwrap"} {
		from, err := exec.LookPath(name)
		if err != nil {
			return fmt.Errorf("%w: `make engines` installs it", err)
		}
		if err := addProgram(ctx, a, path.Join(binDir, name), from); err != nil {
			return err
		}
	}
	return errors.Join(addHost(a, microvmBIOS, microvmBIOS, 0o644), addHost(a, benchFile, bench, 0o755))
}

// addProgram puts in a program with the libraries that the dynamic linker would take for it.
func addProgram(ctx context.Context, a *initramfs.Archive, to, from string) error {
	if err := addHost(a, to, from, 0o755); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, "ldd", from).Output()
	if err != nil {
		return nil // it is static
	}
	for _, word := range strings.Fields(string(out)) {
		if !strings.HasPrefix(word, "/") {
			continue
		}
		if err := addHost(a, word, word, 0o755); err != nil {
			return err
		}
	}
	return nil
}
