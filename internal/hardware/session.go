package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"terem/guest/distro"
	"terem/guest/initramfs"
	"terem/internal/lab/attempt"
)

// session is a list of boots, and what became of them.
type session struct {
	ctx     context.Context
	tmp     string
	base    outer
	boots   []boot
	results []result
	lab     []attempt.Attempt // what was built for labTest, in labFiles
}

func (s *session) labFiles() string { return filepath.Join(s.tmp, "lab") }

// boot is an outer system and the packages whose tests run there.
type boot struct {
	outer
	title    string
	packages []testPackage
}

// plan chooses what runs where.
func (s *session) plan(o options, backends []backend, images []distro.Image) error {
	list := patterns()
	if o.short {
		list = shortPatterns()
	}
	if len(o.packages) > 0 {
		list = o.packages
	}
	all, err := buildSuite(s.ctx, s.tmp, list)
	if err != nil {
		return err
	}
	for _, b := range backends {
		for _, im := range images {
			if err := s.planBoot(o, b, im, all); err != nil {
				return err
			}
		}
		if !o.short && o.survive {
			if err := s.planRows(o, b, images, all); err != nil {
				return err
			}
		}
	}
	if len(s.boots) == 0 {
		return fmt.Errorf("nothing is called %q", o.run)
	}
	return nil
}

// planBoot plans the boot of all packages.
func (s *session) planBoot(o options, b backend, im distro.Image, all []testPackage) error {
	run := func(testPackage) string { return o.run }
	if o.short && o.run == "" {
		run = shortTests
	}
	return s.add(boot{outer: s.on(b, im), title: fmt.Sprintf("outer Linux %s on %s", im.Release, b.title)}, all, run, nil)
}

// on is an outer system as it is without anything special.
func (s *session) on(b backend, im distro.Image) outer {
	o := s.base
	o.backend, o.kernel = b, im
	return o
}

// add puts those packages of all into a boot that have a test to run, and the boot, if there is one, onto the list.
func (s *session) add(b boot, all []testPackage, run func(testPackage) string, env []string) error {
	b.root = b.root.Clone()
	for _, p := range all {
		chosen, err := choose(s.ctx, p, run(p))
		if err != nil {
			return err
		}
		if len(chosen.tests) == 0 {
			continue
		}
		if err := addPackage(b.root, chosen); err != nil {
			return err
		}
		if slices.Contains(chosen.tests, labTest) {
			if err := s.addLab(b.root); err != nil {
				return err
			}
		}
		b.packages = append(b.packages, chosen)
		b.jobs = append(b.jobs, chosen.job(b.backend, run(p), knownOf(differences(), b.backend.name, b.kernel.Release, p.name), env))
	}
	if err := addHost(b.root, stockKernel, b.kernel.Kernel, 0o644); err != nil {
		return err
	}
	if len(b.jobs) > 0 {
		s.boots = append(s.boots, b)
	}
	return nil
}

// addLab puts what labTest wants into a root; it is built once.
func (s *session) addLab(root *initramfs.Archive) (err error) {
	if s.lab == nil {
		if s.lab, err = buildLab(s.ctx, s.labFiles()); err != nil {
			return err
		}
	}
	return addLab(root, s.labFiles(), s.lab)
}

// run boots everything that was planned, and prints each result when it is there.
func (s *session) run() error {
	for i, b := range s.boots {
		fmt.Fprintf(os.Stderr, "hardware: %d of %d: %s\n", i+1, len(s.boots), b.title)
		rec, err := b.outer.run(s.ctx, s.tmp)
		if err == nil && rec.died {
			fmt.Printf("%s: %s\n%s\nOnce more: the emulators do that now and then (docs/hardware.md). A second time counts.\n", b.title, rec.failure, rec.console)
			rec, err = b.outer.run(s.ctx, s.tmp)
		}
		if err != nil {
			return err
		}
		r := b.judge(rec)
		r.print(os.Stdout)
		s.results = append(s.results, r)
	}
	return nil
}

// judge makes a result of a record.
func (b boot) judge(rec *record) result {
	r := result{title: b.title, failure: rec.failure, console: rec.console, seconds: rec.took.Seconds()}
	if r.failure == "" && rec.release != b.kernel.Release {
		r.failure = fmt.Sprintf("the outer system runs Linux %s, not %s", rec.release, b.kernel.Release)
	}
	for i, p := range b.packages {
		r.rows = append(r.rows, judge(p, rec.jobs[i], knownOf(differences(), b.backend.name, b.kernel.Release, p.name)))
	}
	return r
}

// shortPatterns and shortTests are the short form: terem as a user uses it, and the tests of pausing and stopping.
func shortPatterns() []string {
	return []string{"./internal/hardware/atwork", "./vcpu", "./internal/vm/machine"}
}

func shortTests(p testPackage) string {
	switch p.name {
	case "vcpu":
		return "^(TestStates|TestPauseWithinString|TestStopIsBounded)$"
	case "internal/vm/machine":
		return "^(TestPauseAndResume|TestPauseHolds|TestKill|TestSave|TestStateSurvives)$"
	}
	return "^Test(Boot|Sleep|TwoCPUs|Pipe|Disk|StockKernel|Terminate|Exec|Vsock|Warm)$"
}

// planRows plans the outer systems that lack something.
func (s *session) planRows(o options, b backend, images []distro.Image, all []testPackage) error {
	name, err := regexp.Compile(o.run)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(p testPackage) bool { return p.name == "internal/hardware/atwork" })
	if i < 0 {
		return nil
	}
	for _, l := range lacks() {
		if !l.on(b.name) || !name.MatchString(l.name) {
			continue
		}
		out := s.on(b, images[0])
		out.words, out.params, out.bare, out.cpus, out.cpu = l.words, l.params, l.bare, l.cpus, l.cpu
		title := fmt.Sprintf("%s: outer Linux %s on %s", l.name, out.kernel.Release, b.title)
		err := s.add(boot{outer: out, title: title}, []testPackage{all[i]}, func(testPackage) string { return l.tests }, l.env())
		if err != nil {
			return err
		}
	}
	return nil
}
