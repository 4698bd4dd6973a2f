package exercise

// This file is given. The grader uses its own copy.

// Kinds of places for a workload, and what Decide may choose beside them.
const (
	Container = "container"
	VM        = "VM"
	Either    = "either"  // what was measured gives no reason for one of them
	Neither   = "neither" // each fails at something that the workload needs
)

// Number is what `terem compare` measured of one place: the median of its samples, and the interval in which the true median lies with 95 %.
type Number struct {
	Measure string  `json:"measure"` // start.output (ns), memory.20 (bytes), density (how many), ...
	Place   string  `json:"place"`   // Container or VM
	Warm    bool    `json:"warm"`    // it was there already, or came from a snapshot; false: it started from nothing
	More    bool    `json:"more"`    // more is better
	Median  float64 `json:"median"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
}

// Cell is one of the matrix of `terem lab isolation`.
type Cell struct {
	Row     string `json:"row"` // memory, panic, see-processes, ...
	Place   string `json:"place"`
	Verdict string `json:"verdict"` // safe, degraded, harmed, unclear, "not run"
}

// Workload is what has to run somewhere.
type Workload struct {
	Name    string   `json:"name"`
	Needs   []string `json:"needs"`   // rows of the matrix in which it must be safe
	Measure string   `json:"measure"` // what counts among places that are safe
	Warm    bool     `json:"warm"`    // it finds its place warm
}

// Claim is a decision that somebody else can check: it cites what it rests on, unchanged.
type Claim struct {
	Workload string   `json:"workload"`
	Choice   string   `json:"choice"`
	Cells    []Cell   `json:"cells"`   // of each row that is needed, of both places
	Numbers  []Number `json:"numbers"` // that were compared; none if nothing was left to compare
}
