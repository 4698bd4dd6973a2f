package steer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"terem/internal/fault"
	"terem/internal/running"
	"terem/internal/vm/control"
	"terem/internal/vm/machine"
)

// Sample is what one of those that run used, and since when.
type Sample struct {
	Name string `json:"name"`
	control.Stats
	CPUPercent *float64 `json:"cpu_percent,omitempty"` // of one CPU, since the sample before; absent in the first

	at time.Time
}

// Stats takes a sample of each name, or of all that runs. before has the last ones, by name.
func Stats(names []string, before map[string]Sample) ([]Sample, error) {
	all := len(names) == 0
	if all {
		var err error
		if names, err = running.List(running.Root()); err != nil {
			return nil, err
		}
	}
	list := []Sample{}
	for _, name := range names {
		c, err := Reach(name)
		if err == nil {
			var s control.Stats
			if s, err = c.Stats(); err == nil {
				list = append(list, newSample(name, s, before))
				continue
			}
			err = Say(name, err)
		}
		if !all {
			return nil, err
		}
	}
	return list, nil
}

func newSample(name string, s control.Stats, before map[string]Sample) Sample {
	now := Sample{Name: name, Stats: s, at: time.Now()}
	if old, ok := before[name]; ok {
		p := 100 * float64(s.CPU-old.CPU) / float64(now.at.Sub(old.at))
		now.CPUPercent = &p
	}
	return now
}

// WriteStats writes samples as a table, or one JSON value.
func WriteStats(w io.Writer, asJSON bool, list []Sample) error {
	if asJSON {
		return json.NewEncoder(w).Encode(list)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tCPU\tCPU TIME\tMEMORY\tREAD\tWRITTEN\tGUEST USES")
	for _, s := range list {
		percent, guest := "-", "-"
		if s.CPUPercent != nil {
			percent = fmt.Sprintf("%.1f%%", *s.CPUPercent)
		}
		if g := s.Guest; g != nil && g.Total >= g.Available {
			guest = machine.Bytes(g.Total-g.Available) + " of " + machine.Bytes(g.Total)
		}
		fmt.Fprintf(t, "%s\t%s\t%.2fs\t%s\t%s\t%s\t%s\n", s.Name, percent, s.CPU.Seconds(),
			machine.Bytes(s.Resident), machine.Bytes(s.Read), machine.Bytes(s.Written), guest)
	}
	return t.Flush()
}

// watchEvery is the time between two tables.
const watchEvery = time.Second

// Watch shows a table each second in the place of the one before, until ctx ends or nothing is left.
func Watch(ctx context.Context, w io.Writer, names []string) error {
	before := map[string]Sample{}
	for lines := 0; ; {
		list, err := Stats(names, before)
		if err != nil && lines > 0 {
			return nil // it has ended: that was what there was to see
		}
		if err != nil {
			return err
		}
		if lines > 0 {
			fmt.Fprintf(w, "\x1b[%dA\x1b[J", lines) // up, and clear what is below
		}
		if err := WriteStats(w, false, list); err != nil {
			return err
		}
		lines = 1 + len(list)
		if len(list) == 0 {
			return nil
		}
		clear(before)
		for _, s := range list {
			before[s.Name] = s
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchEvery):
		}
	}
}

// Follow writes what a log has, and if asked to, what is added to it until the machine ends.
func Follow(ctx context.Context, w io.Writer, r io.Reader, ended <-chan struct{}) error {
	for last := ended == nil; ; {
		if _, err := io.Copy(w, r); err != nil || last {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ended:
			last = true // once more, for what came since
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// ErrNoLog is the error of a machine whose console goes elsewhere.
var ErrNoLog = errors.New("its console goes to no file; `terem run` with " + fault.Field("Detach") + " keeps one, and " + fault.Field("Console") + " names one")
