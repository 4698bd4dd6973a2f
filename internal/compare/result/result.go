package result

import (
	"time"

	"terem/internal/measure/host"
	"terem/internal/measure/stats"
)

// Schema is the version of the JSON form.
const Schema = 1

// Result is one comparison.
type Result struct {
	Schema  int           `json:"schema"`
	Terem   string        `json:"terem"` // version
	Started time.Time     `json:"started"`
	Took    time.Duration `json:"took_ns"`
	Ended   string        `json:"ended,omitempty"` // why before its time: "interrupted"

	Host    host.Fingerprint `json:"host"`
	Busy    Busy             `json:"busy"`
	Method  Method           `json:"method"`
	Targets []Target         `json:"targets"`
	Series  []*Series        `json:"series"`
	Inside  []Inside         `json:"inside,omitempty"` // of --explain
}

// Busy is what else the machine did meanwhile.
type Busy struct {
	CPU       float64 `json:"cpu"`   // share of all CPU time in use, 0 to 1, the comparison's own included
	Steal     float64 `json:"steal"` // share that the hypervisor below took
	LoadAfter string  `json:"load_after"`
}

// Method is how the samples were taken; docs/method.md explains each.
type Method struct {
	Seed       uint64        `json:"seed"` // of the order of runs
	Quick      bool          `json:"quick"`
	Rounds     int           `json:"rounds"`      // of targets that start in less than a second
	SlowRounds int           `json:"slow_rounds"` // of the others
	Warmups    int           `json:"warmups"`     // runs before the first that counts
	Gap        time.Duration `json:"gap_ns"`      // between two runs
	Program    string        `json:"program"`     // what ran, and from which root
	// Overhead is what the measuring adds to a run of a bare process, as a share of it.
	Overhead stats.Interval `json:"overhead"`
}

// Kind groups the targets by technology.
type Kind string

// Kinds, from the lightest to the heaviest.
const (
	Process   Kind = "process"
	Container Kind = "container" // a launcher: namespaces and cgroups, no daemon, no image
	Platform  Kind = "platform"  // an engine with images, networks, a daemon or a store
	Sandbox   Kind = "sandbox"   // a kernel of its own, in user space
	ProcessVM Kind = "process VM"
	VM        Kind = "VM"
)

// State says whether a target could be measured.
type State string

// States.
const (
	Ready   State = "ready"
	Absent  State = "absent"  // not installed; Mend installs it
	Failing State = "failing" // installed, and did not run here; Why has its own words
)

// Target is one way to run a program.
type Target struct {
	Name    string `json:"name"`
	Title   string `json:"title"`
	Kind    Kind   `json:"kind"`
	State   State  `json:"state"`
	Version string `json:"version,omitempty"`
	Note    string `json:"note,omitempty"` // what a reader should know about the row
	Why     string `json:"why,omitempty"`
	Mend    string `json:"mend,omitempty"` // a command
}

// Unit of a series' samples.
type Unit string

// Units.
const (
	Nanoseconds Unit = "ns"
	NsPerOp     Unit = "ns/op"
	Bytes       Unit = "bytes"
	BytesPerSec Unit = "bytes/s"
	Count       Unit = "count"
)

// Series is what one target gave for one measure.
type Series struct {
	Measure string        `json:"measure"` // a Measure's Name
	Target  string        `json:"target"`
	Part    string        `json:"part,omitempty"` // of a stack: a phase's name, a kind of memory
	Unit    Unit          `json:"unit"`
	Samples []float64     `json:"samples"`
	Rounds  []int         `json:"rounds"` // in which each sample was taken
	Failed  int           `json:"failed,omitempty"`
	Error   string        `json:"error,omitempty"` // of the last run that failed
	Summary stats.Summary `json:"summary"`
	Ratio   *Ratio        `json:"ratio,omitempty"`
	// Rank is the place among the measure's series, from 1, the best first; 0 for a part
	// and for what is noisy.
	// Tied says that the samples don't tell it from the one before.
	Rank int  `json:"rank,omitempty"`
	Tied bool `json:"tied,omitempty"`
	// Noisy says that the median is known so badly that its place means little.
	Noisy bool `json:"noisy,omitempty"`
}

// Ratio compares a series with the same measure of the target Base, round by round.
type Ratio struct {
	Base   string         `json:"base"`
	Median float64        `json:"median"`
	CI     stats.Interval `json:"ci95"`
}

// Inside is what the kernel saw of one run.
type Inside struct {
	Target     string            `json:"target"`
	Namespaces map[string]string `json:"namespaces,omitempty"` // kind -> inode number; those of terem itself are in target "host"
	Cgroups    []string          `json:"cgroups,omitempty"`    // lines of /proc/PID/cgroup
	Syscalls   uint64            `json:"syscalls,omitempty"`   // that reached the host's kernel, from start to end
	TopCalls   []Call            `json:"top_calls,omitempty"`
	Processes  int               `json:"processes,omitempty"` // made, the first included
	Threads    int               `json:"threads,omitempty"`   // made, the first of each process included
	Exits      uint64            `json:"exits,omitempty"`     // to the VMM
	Note       string            `json:"note,omitempty"`
}

// Call is one system call and how often it was made.
type Call struct {
	Name  string `json:"name"`
	Count uint64 `json:"count"`
}

// Find gives a series; nil if there is none.
func (r *Result) Find(measure, target, part string) *Series {
	for _, s := range r.Series {
		if s.Measure == measure && s.Target == target && s.Part == part {
			return s
		}
	}
	return nil
}

// Of gives the series of a measure in their order.
func (r *Result) Of(measure string) []*Series {
	var of []*Series
	for _, s := range r.Series {
		if s.Measure == measure {
			of = append(of, s)
		}
	}
	return of
}

// Target gives a target by name; nil if there is none.
func (r *Result) Target(name string) *Target {
	for i := range r.Targets {
		if r.Targets[i].Name == name {
			return &r.Targets[i]
		}
	}
	return nil
}
