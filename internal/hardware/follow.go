package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"terem/internal/hardware/wire"
)

// record is what came back of one boot.
type record struct {
	release string
	jobs    []*jobRecord
	failure string // why not all came back; empty: all did
	died    bool   // because the outer system's kernel panicked
	console string // then the end of the outer system's console
	took    time.Duration
}

// jobRecord is one job's output and end; the end is nil if none was reported.
type jobRecord struct {
	wire.Job
	output bytes.Buffer
	end    *wire.End
}

func newRecord(jobs []wire.Job) *record {
	r := new(record)
	for _, j := range jobs {
		r.jobs = append(r.jobs, &jobRecord{Job: j})
	}
	return r
}

// follower reads a report while it is written.
type follower struct {
	rec  *record
	word string
	boot time.Duration // the longest that the outer system may take to its first words

	rest  []byte // of the report, an unfinished line
	done  bool
	ended bool // the emulator has
}

// pollInterval is how often the two files are looked at: an emulator writes them without telling.
const pollInterval = 100 * time.Millisecond

// follow reads until the report is complete, or until it is known that it never will be.
func (f *follower) follow(ctx context.Context, m machine, ended <-chan error) {
	report, err := os.Open(m.report)
	if err != nil {
		f.fail("no report: %v", err)
		return
	}
	defer report.Close()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for step, since := f.step(), time.Now(); !f.done && f.rec.failure == ""; {
		select {
		case <-ctx.Done():
			f.fail("called off")
		case err := <-ended:
			f.ended = true
			f.read(report)
			f.died(m, err)
		case <-tick.C:
			f.read(report)
			if s := f.step(); s != step {
				step, since = s, time.Now()
			}
			if limit := f.limit(step); time.Since(since) > limit {
				f.fail("%s: it had not ended after %v of the host's time", f.stepName(step), limit.Round(time.Second))
			}
			f.watchPanic(m)
		}
	}
}

// died says why the emulator's end came before the report's.
func (f *follower) died(m machine, err error) {
	f.watchPanic(m)
	if f.done || f.rec.failure != "" {
		return
	}
	f.fail("%s: the outer system went off (emulator: %v)", f.stepName(f.step()), err)
}

// watchPanic looks for the one message that explains most early ends.
func (f *follower) watchPanic(m machine) {
	const mark = "Kernel panic - not syncing"
	b, err := os.ReadFile(m.console)
	if err != nil || f.done {
		return
	}
	if i := bytes.Index(b, []byte(mark)); i >= 0 {
		line, _, _ := bytes.Cut(b[i:], []byte("\n"))
		f.rec.died = true
		f.fail("%s: the outer kernel died: %s", f.stepName(f.step()), bytes.TrimSpace(line))
	}
}

// read takes what is new in the report.
func (f *follower) read(r io.Reader) {
	b, err := io.ReadAll(r)
	if err != nil {
		f.fail("read the report: %v", err)
		return
	}
	f.rest = append(f.rest, b...)
	for {
		line, rest, ok := bytes.Cut(f.rest, []byte("\n"))
		if !ok {
			return
		}
		f.rest = rest
		m, ok, err := wire.Decode(f.word, line)
		switch {
		case err != nil:
			f.fail("%v", err)
		case ok:
			f.message(m)
		}
	}
}

func (f *follower) message(m wire.Message) {
	switch {
	case m.Hello != "" && f.rec.release != "":
		f.fail("%s: the outer system has started anew", f.stepName(f.step()))
	case m.Hello != "":
		f.rec.release = m.Hello
	case m.Trouble != "":
		f.fail("%s", m.Trouble)
	case m.Done:
		f.finish()
	default:
		f.ofJob(m)
	}
}

// ofJob takes a message of a job. One of a job whose turn it is not says that something was lost.
func (f *follower) ofJob(m wire.Message) {
	step := f.step()
	if step == 0 || step > len(f.rec.jobs) || f.rec.jobs[step-1].Name != m.Job {
		f.fail("a message of job %q out of turn", m.Job)
		return
	}
	j := f.rec.jobs[step-1]
	j.output.Write(m.Line)
	if m.End != nil {
		j.end = m.End
	}
}

func (f *follower) finish() {
	for _, j := range f.rec.jobs {
		if j.end == nil {
			f.fail("%s: the report ended without its end", j.Name)
			return
		}
	}
	f.done = true
}

// step is how far the boot is: 0, nothing was heard; n, the n-th job runs; one more than there are: all have ended.
func (f *follower) step() int {
	if f.rec.release == "" {
		return 0
	}
	for i, j := range f.rec.jobs {
		if j.end == nil {
			return i + 1
		}
	}
	return len(f.rec.jobs) + 1
}

func (f *follower) stepName(step int) string {
	switch {
	case step == 0:
		return "boot"
	case step > len(f.rec.jobs):
		return "power-off"
	}
	return f.rec.jobs[step-1].Name
}

func (f *follower) limit(step int) time.Duration {
	if step == 0 || step > len(f.rec.jobs) {
		return f.boot
	}
	return f.rec.jobs[step-1].Limit * allowance
}

// fail notes the first thing that went wrong.
func (f *follower) fail(format string, args ...any) {
	if f.rec.failure == "" {
		f.rec.failure = fmt.Sprintf(format, args...)
	}
}
