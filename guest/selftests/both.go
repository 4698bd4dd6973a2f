package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"terem/guest"
)

// compareBoth is the whole of a run: the programs on the host, the same in the guest, the report.
func compareBoth(ctx context.Context, t table, o options) error {
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, o.bound)
	defer cancel()
	list, err := parseKnown(differencesText, t)
	if err != nil {
		return err
	}
	chosen, err := t.choose(o.only)
	if err != nil {
		return err
	}
	w, err := prepare(t, o)
	if err != nil {
		return err
	}
	defer os.RemoveAll(w.dir)

	trials, err := repeat(ctx, chosen, func(jobs []int) (map[int]trial, error) { return o.try(ctx, t, w, list, jobs) })
	if err != nil && len(trials) == 0 {
		return err
	}

	r := report{w: os.Stdout, backend: o.backend, verbose: o.verbose}
	for _, i := range chosen {
		r.job(t.jobs[i], trials[i])
	}
	if !r.summary(time.Since(start)) && err == nil {
		err = errDifferent
	}
	return err
}

// try runs jobs on both sides and judges them. After an error in the guest there is what came before it.
func (o options) try(ctx context.Context, t table, w workspace, list []known, jobs []int) (map[int]trial, error) {
	fmt.Fprintf(os.Stderr, "selftests: %d programs on the host, in namespaces\n", len(jobs))
	host, err := onHost(ctx, order{root: w.root, tree: o.programs, scale: o.hosts, jobs: harmless(t, jobs)})
	if err != nil {
		return nil, fmt.Errorf("on the host: %w", err)
	}
	fmt.Fprintf(os.Stderr, "selftests: the same in the guest, on %s\n", o.backend)
	m := machines{terem: o.terem, initrd: w.initrd, memory: o.memory, cpus: o.cpus, append: o.append, log: io.Discard}
	if o.verbose {
		m.log = os.Stderr
	}
	inGuest, err := m.run(ctx, t, order{scale: o.scale, jobs: jobs})
	if err != nil {
		err = fmt.Errorf("in the guest: %w", err)
	}
	all := map[int]trial{}
	for _, i := range jobs {
		all[i] = judged(t.jobs[i], o.backend, list, host[i], inGuest[i])
	}
	return all, err
}

// job prints what a job came to.
func (r *report) job(j job, t trial) {
	switch t.missing {
	case "":
		r.row(j, t.host, t.guest, t.found)
	case "in the guest":
		r.missing(j, t.missing, t.guest)
	default:
		r.missing(j, t.missing, t.host)
	}
}

// workspace is a temporary directory and what is in it.
type workspace struct {
	dir    string
	root   string // for the programs on the host
	initrd string // for the guest
}

func prepare(t table, o options) (w workspace, err error) {
	if os.Geteuid() != 0 {
		return w, errors.New("the programs on the host run in namespaces, some as root: call this as root")
	}
	programs, err := programsIn(o.programs)
	if err != nil {
		return w, err
	}
	if unlisted, missing := t.unlisted(programs); len(unlisted) > 0 || len(missing) > 0 {
		return w, fmt.Errorf("programs.txt and %s disagree: not listed %q, not built %q", o.programs, unlisted, missing)
	}
	cache, err := guest.DefaultCacheDir()
	if err != nil {
		return w, err
	}
	base, err := guest.FindInitrd(cache)
	if err != nil {
		return w, err
	}
	if w.dir, err = os.MkdirTemp("", "terem-selftests-"); err != nil {
		return w, err
	}
	w.root, w.initrd = filepath.Join(w.dir, "root"), filepath.Join(w.dir, "initrd.cpio")
	if err = guest.ExtractRoot(base.Initrd, w.root); err == nil {
		err = errors.Join(os.Chmod(w.dir, 0o755), os.Mkdir(w.root+treeDir, 0o755),
			writeInitrd(w.initrd, base.Initrd, o.programs, programs))
	}
	if err != nil {
		os.RemoveAll(w.dir)
	}
	return w, err
}

// harmless leaves out what changes the whole machine.
func harmless(t table, jobs []int) []int {
	var list []int
	for _, i := range jobs {
		if t.jobs[i].mark != markGuest {
			list = append(list, i)
		}
	}
	return list
}

// onHost runs jobs in namespaces of the host.
func onHost(ctx context.Context, o order) (map[int]outcome, error) {
	results := map[int]outcome{}
	if len(o.jobs) == 0 {
		return results, nil
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(errOrEOF(inNamespaces(ctx, o, w))) }()
	err := read(r, os.Stderr, func(e event) {
		if !e.begun && !e.done {
			results[e.job] = e.outcome
		}
	})
	r.Close() // after an error there may be somebody who writes
	if ctx.Err() != nil {
		err = nil // what there was time for is there
	}
	return results, err
}

func errOrEOF(err error) error {
	if err == nil {
		return io.EOF
	}
	return err
}
