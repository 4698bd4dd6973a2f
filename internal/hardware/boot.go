package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"terem/guest/distro"
	"terem/guest/initramfs"
	"terem/internal/hardware/wire"
)

// outer is one boot of an outer system.
type outer struct {
	backend backend
	kernel  distro.Image
	root    *initramfs.Archive // what it holds beside its modules and its plan
	words   string             // more words for its kernel
	params  map[string]string  // module parameters, by module
	bare    bool               // without KVM's modules
	cpus    int                // 0: two, where the emulator can
	ips     int                // as in machine
	cpu     string
	jobs    []wire.Job
}

// outerWords are for each outer kernel. The serial line is as fast as it can be: Bochs keeps to its rate. A panic resets
// at once, which ends QEMU. An emulator on a busy host is late with its timer interrupts, and the kernel's check of them
// would find them broken.
const outerWords = "console=ttyS0,115200 loglevel=4 mitigations=off nokaslr no_timer_check panic=-1"

// allowance is by how much the limits that the host keeps are longer than those of the outer system, which keeps time by
// an emulated clock and has the processor to itself.
const allowance = 6

// run boots and carries out the jobs. What went wrong is in the record; an error means that the host could not do its
// part.
func (o outer) run(ctx context.Context, tmp string) (*record, error) {
	dir, err := os.MkdirTemp(tmp, "boot-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	m, plan, err := o.machine(dir, wire.Plan{Jobs: o.jobs})
	if err != nil {
		return nil, err
	}
	for _, port := range []string{m.console, m.report} {
		if err := write(port, ""); err != nil {
			return nil, err
		}
	}
	start := time.Now()
	c, err := o.backend.start(m)
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()

	f := follower{rec: newRecord(o.jobs), word: plan.Word, boot: o.backend.boot * allowance}
	f.follow(ctx, m, ended)
	if err := c.Process.Kill(); err == nil && !f.ended {
		<-ended
	}
	f.rec.took = time.Since(start)
	if f.rec.failure != "" {
		f.rec.console = tail(m.console, 25)
	}
	return f.rec, ctx.Err()
}

// machine writes the files of a boot.
func (o outer) machine(dir string, plan wire.Plan) (machine, wire.Plan, error) {
	m := machine{
		dir:     dir,
		kernel:  o.kernel.Kernel,
		initrd:  filepath.Join(dir, "initrd"),
		words:   outerWords,
		cpus:    o.cpus,
		ips:     o.ips,
		cpu:     o.cpu,
		console: filepath.Join(dir, "console"),
		report:  filepath.Join(dir, "report"),
	}
	if m.cpus == 0 {
		m.cpus = 2
	}
	if o.words != "" {
		m.words += " " + o.words
	}
	root := o.root.Clone()
	names := []string{"brd"}
	params := map[string]string{"brd": fmt.Sprintf("rd_nr=1 rd_size=%d", scratchSize>>10)}
	if !o.bare {
		names = append(names, o.backend.module)
		maps.Copy(params, o.params)
	}
	list, err := o.kernel.LoadOrder(names...)
	if err != nil {
		return m, plan, fmt.Errorf("modules of %s: %w", o.kernel.Release, err)
	}
	for _, n := range names {
		if params[n] != "" && !slices.ContainsFunc(list, func(m distro.Module) bool { return m.Name == n }) {
			return m, plan, fmt.Errorf("%s is built into %s: its parameters %q would do nothing", n, o.kernel.Release, params[n])
		}
	}
	plan.Modules, plan.KVM, plan.Scratch = addModules(root, list, params), !o.bare, true
	plan.Word = "outer-" + rand.Text()
	return m, plan, writeInitrd(root, plan, m.initrd)
}
