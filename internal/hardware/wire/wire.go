package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// PlanFile is where the outer system finds its Plan.
const PlanFile = "/plan.json"

// ScratchFile has the blocks of an empty file system for /tmp.
const ScratchFile = "/scratch.blocks"

// Plan is what the outer system does.
type Plan struct {
	Word    string // begins each line of the report
	Modules []Module
	Jobs    []Job
	KVM     bool   // the modules are KVM's, among others: it must work
	Scratch bool   // /tmp is the disk /dev/ram0, filled from ScratchFile
	Shell   bool   // a shell on the console instead of the jobs
	Rows    uint16 // of the shell's terminal; 0: not known
	Columns uint16
}

// Module is a kernel module to load.
type Module struct {
	File   string
	Params string
}

// Job is a program to run. Each job is a row of the result.
type Job struct {
	Name  string
	Argv  []string
	Env   []string // in addition to PATH, HOME, TMPDIR
	Dir   string
	Limit time.Duration // by the outer system's clock; then it is killed, with all that it started
}

// Message is one line of the report.
type Message struct {
	Hello   string `json:",omitempty"` // the first of a boot: the kernel's release
	Trouble string `json:",omitempty"` // something that makes the whole boot worthless
	Job     string `json:",omitempty"` // whose Line or End this is
	Line    []byte `json:",omitempty"` // of the job's output, with its newline
	End     *End   `json:",omitempty"`
	Done    bool   `json:",omitempty"` // the last: all jobs had their turn
}

// End says how a job ended.
type End struct {
	Status  int    // exit status; -1 if there is none
	Signal  string `json:",omitempty"` // what killed it
	Late    bool   `json:",omitempty"` // it was killed at its limit
	Error   string `json:",omitempty"` // it could not be started
	Seconds float64
}

// String is empty for a job that ended with status 0.
func (e *End) String() string {
	switch {
	case e.Error != "":
		return e.Error
	case e.Late:
		return fmt.Sprintf("killed after %.0f s: it did not end", e.Seconds)
	case e.Signal != "":
		return "killed by signal: " + e.Signal
	case e.Status != 0:
		return fmt.Sprintf("exit status %d", e.Status)
	}
	return ""
}

// Encode makes a line of a message.
func Encode(word string, m Message) ([]byte, error) {
	b, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%s %s\n", word, b), nil
}

// Decode reads a line; ok is false for one that is no message of this boot. A message that is broken is an error:
// a report with a hole in it is no report.
func Decode(word string, line []byte) (m Message, ok bool, err error) {
	b, ok := bytes.CutPrefix(line, []byte(word+" "))
	if !ok {
		return m, false, nil
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, false, fmt.Errorf("a broken line in the report, %q: %w", line, err)
	}
	return m, true, nil
}
