package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"terem/internal/measure/host"
	"terem/internal/measure/smaps"
	"terem/internal/measure/stats"
)

// Units of a series.
const (
	seconds      = "s"
	milliseconds = "ms"
	microseconds = "µs"
	mebibytes    = "MiB"
	count        = ""
	instructions = "instructions"
	millions     = "million instructions"
)

// report is everything that one run found out.
type report struct {
	Date   time.Time        `json:"date"`
	Commit string           `json:"commit"`
	Host   host.Fingerprint `json:"host"`
	QEMU   string           `json:"qemu,omitempty"`
	Seed   uint64           `json:"seed"`
	IPS    float64          `json:"instructions_per_second,omitempty"` // of an emulator's clock, which counts those
	Busy   float64          `json:"busy"`                              // share of all CPU time during the run, this run's own included
	Steal  float64          `json:"steal"`                             // share that the hypervisor below took
	Series []*series        `json:"series"`
	Goals  []goal           `json:"goals"`
	Notes  []note           `json:"notes"`
	// Mappings are what measureMemory adds up, of the last process weighed.
	Mappings []smaps.Mapping `json:"mappings,omitempty"`

	ticks host.Ticks
}

// series is what one VMM gave for one measure.
type series struct {
	Measure string        `json:"measure"`
	VMM     string        `json:"vmm"`
	Unit    string        `json:"unit"`
	Summary stats.Summary `json:"summary"`
	Samples []float64     `json:"samples"`
}

// note says why something is missing.
type note struct {
	Measure string `json:"measure"`
	VMM     string `json:"vmm,omitempty"`
	Error   string `json:"error"`
	Stderr  string `json:"stderr,omitempty"`
}

func newReport(c config) *report {
	r := &report{Date: time.Now().UTC().Truncate(time.Second), Host: host.Read("/"), Seed: c.seed, IPS: c.ips, Commit: cmp.Or(c.commit, "unknown")}
	r.ticks, _ = host.ReadTicks("/") // without them the shares are zero
	if c.commit != "" {
		return r
	}
	if out, err := exec.Command("git", "describe", "--always", "--dirty").Output(); err == nil {
		r.Commit = strings.TrimSpace(string(out))
	}
	return r
}

// add appends a sample.
func (r *report) add(measure, vmm, unit string, v float64) {
	unit, v = r.counted(unit, v)
	s := r.find(measure, vmm)
	if s == nil {
		s = &series{Measure: measure, VMM: vmm, Unit: unit}
		r.Series = append(r.Series, s)
	}
	s.Samples = append(s.Samples, v)
}

// counted turns a time into instructions, where the clock counts those.
func (r *report) counted(unit string, v float64) (string, float64) {
	each, isTime := map[string]float64{seconds: 1, milliseconds: 1e-3, microseconds: 1e-6}[unit]
	if r.IPS == 0 || !isTime {
		return unit, v
	}
	if n := v * each * r.IPS; unit == microseconds {
		return instructions, n
	} else {
		return millions, n / 1e6
	}
}

// find gives a series; nil if there is none.
func (r *report) find(measure, vmm string) *series {
	for _, s := range r.Series {
		if s.Measure == measure && s.VMM == vmm {
			return s
		}
	}
	return nil
}

// finish computes what is left once all samples are in, and puts the series of one
// measure beside each other, the quickest first.
func (r *report) finish() {
	for _, s := range r.Series {
		s.Summary = stats.Summarize(s.Samples)
	}
	place := map[string]int{}
	for i, s := range r.Series {
		if _, ok := place[s.Measure]; !ok {
			place[s.Measure] = i
		}
	}
	slices.SortStableFunc(r.Series, func(a, b *series) int {
		return cmp.Or(cmp.Compare(place[a.Measure], place[b.Measure]), cmp.Compare(a.Summary.Median, b.Summary.Median))
	})
	if now, err := host.ReadTicks("/"); err == nil {
		r.Busy, r.Steal = now.Since(r.ticks)
	}
}

// save writes the report as JSON.
func (r *report) save(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("save %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
