package boot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// Timeline is a boot.
type Timeline struct {
	Phases []Phase  `json:"phases"`
	Kernel []Moment `json:"kernel"` // what the kernel said of itself, by its own clock
	Exits  []Count  `json:"exits"`  // by reason, the most frequent first
}

// Phase is a part of it, one after the other.
type Phase struct {
	Name string        `json:"name"`
	From time.Duration `json:"from_ns"`
	Took time.Duration `json:"took_ns"`
}

// Moment is a line of the kernel's log.
type Moment struct {
	At   time.Duration `json:"at_ns"`
	Text string        `json:"text"`
}

// Count says how often something happened.
type Count struct {
	Name  string `json:"name"`
	Count uint64 `json:"count"`
}

// Total is how long all phases took.
func (t *Timeline) Total() (d time.Duration) {
	for _, p := range t.Phases {
		d += p.Took
	}
	return d
}

// most is how much of what a run says is kept.
const most = 1 << 20

// Watch boots a machine that runs dmesg.
func Watch(ctx context.Context, terem string) (*Timeline, error) {
	c := exec.CommandContext(ctx, terem, "run", "--quiet", "--exits=json", "--", "dmesg")
	var out, said bounded
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, errors.New(lastLine(said.String(), err))
	}
	t, err := parseLedger(said.String())
	if err != nil {
		return nil, fmt.Errorf("the exit ledger: %w", err)
	}
	t.Kernel = parseLog(out.String())
	return t, nil
}

// bounded keeps the beginning of what is written to it.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), most-b.Len())])
	return len(p), nil
}

// lastLine is what a program that failed said last.
func lastLine(said string, err error) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return strings.TrimPrefix(last, "terem: ")
	}
	return err.Error()
}

// parseLedger reads the report of `terem run`, which comes behind whatever else was said.
func parseLedger(said string) (*Timeline, error) {
	at := strings.Index(said, "{")
	if at < 0 {
		return nil, errors.New("there is none")
	}
	var ledger struct {
		Phases []struct {
			Name string        `json:"name"`
			Time time.Duration `json:"ns"`
		} `json:"phases"`
		Exits []Count `json:"exits"`
	}
	if err := json.NewDecoder(strings.NewReader(said[at:])).Decode(&ledger); err != nil {
		return nil, err
	}
	t := &Timeline{Exits: ledger.Exits}
	var from time.Duration
	for _, p := range ledger.Phases {
		t.Phases = append(t.Phases, Phase{p.Name, from, p.Time})
		from += p.Time
	}
	return t, nil
}

// notable begins the lines that a reader should see, in any kernel.
var notable = [...]string{"Linux version", "Command line:", "Hypervisor detected:", "Memory:", "smp: Brought up", "Unpacking initramfs", "Run /init"}

// parseLog picks lines of the kernel's log: "[    0.123456] text".
func parseLog(log string) (picked []Moment) {
	for line := range strings.Lines(log) {
		stamp, text, ok := strings.Cut(strings.TrimSpace(line), "] ")
		seconds, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimPrefix(stamp, "[")), 64)
		if !ok || err != nil || !(seconds >= 0 && seconds < 1e6) {
			continue
		}
		for _, beginning := range notable {
			if strings.HasPrefix(text, beginning) {
				picked = append(picked, Moment{time.Duration(seconds * float64(time.Second)), text})
			}
		}
	}
	return picked
}
