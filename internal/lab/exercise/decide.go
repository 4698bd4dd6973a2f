package exercise

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

const readClaims = "docs/method.md and docs/lab/isolation.md of terem: how it measures, and what the matrix says"

// Places for a workload.
const (
	inContainer = "container"
	inVM        = "VM"
	inEither    = "either"
	inNeither   = "neither"
)

// number, cell, workload and claim are those of the exercise.
type number struct {
	Measure string  `json:"measure"`
	Place   string  `json:"place"`
	Warm    bool    `json:"warm"`
	More    bool    `json:"more"`
	Median  float64 `json:"median"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
}

type cell struct {
	Row     string `json:"row"`
	Place   string `json:"place"`
	Verdict string `json:"verdict"`
}

type workload struct {
	Name    string   `json:"name"`
	Needs   []string `json:"needs"`
	Measure string   `json:"measure"`
	Warm    bool     `json:"warm"`
}

type claim struct {
	Workload string   `json:"workload"`
	Choice   string   `json:"choice"`
	Cells    []cell   `json:"cells"`
	Numbers  []number `json:"numbers"`
}

// matter is a question to be decided, with what is known.
type matter struct {
	Workload workload `json:"workload"`
	Numbers  []number `json:"numbers"`
	Matrix   []cell   `json:"matrix"`

	overlap bool   // of the two numbers' intervals
	right   string // the choice
}

var (
	matterRows     = []string{"kill", "read-memory", "memory", "fork-bomb", "disk-full", "see-processes", "kernel-setting", "clock", "panic", "cpu"}
	matterMeasures = []string{"start.output", "start.gone", "memory.20", "work.syscall", "disk.sequential.direct", "density"}
)

const safe = "safe"

// newMatter draws one in which all is safe, and one place is better by far: cold the one, warm the other.
func newMatter(r *rand.Rand) *matter {
	m := &matter{Workload: workload{Name: word(r), Warm: r.IntN(2) == 0}}
	for _, row := range matterRows {
		for _, place := range []string{inContainer, inVM} {
			m.Matrix = append(m.Matrix, cell{row, place, safe})
		}
	}
	rows := slices.Clone(matterRows)
	r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	m.Workload.Needs = rows[:1+r.IntN(3)]
	m.Workload.Measure = matterMeasures[r.IntN(len(matterMeasures))]
	for _, name := range matterMeasures {
		more := strings.HasPrefix(name, "disk.sequential.") || name == "density"
		scale := 1e6 * (1 + r.Float64())
		// Cold and warm are decades apart, so that one beside the other always tells the opposite.
		best := []string{inContainer, inVM}[r.IntN(2)]
		for _, warm := range []bool{false, true} {
			for _, place := range []string{inContainer, inVM} {
				median := scale
				if warm != more {
					median /= 100
				}
				if better := (place == best) != warm; better == more { // the order is another when warm
					median *= 2
				}
				m.Numbers = append(m.Numbers, number{name, place, warm, more, median, median * (0.9 + 0.05*r.Float64()), median * (1.05 + 0.05*r.Float64())})
			}
		}
	}
	r.Shuffle(len(m.Matrix), func(i, j int) { m.Matrix[i], m.Matrix[j] = m.Matrix[j], m.Matrix[i] })
	r.Shuffle(len(m.Numbers), func(i, j int) { m.Numbers[i], m.Numbers[j] = m.Numbers[j], m.Numbers[i] })
	m.decide()
	return m
}

// is gives the verdict on a place in one of the rows that are needed.
func (m *matter) is(r *rand.Rand, place, verdict string) {
	row := m.Workload.Needs[r.IntN(len(m.Workload.Needs))]
	for i, c := range m.Matrix {
		if c.Row == row && c.Place == place {
			m.Matrix[i].Verdict = verdict
		}
	}
	m.decide()
}

// like has the two numbers that count differ by less than their intervals.
func (m *matter) like() {
	for i, n := range m.Numbers {
		if n.Measure == m.Workload.Measure && n.Warm == m.Workload.Warm && n.Place == inVM {
			c := m.number(inContainer)
			n.Median, n.Low, n.High = c.Median*1.04, c.Median*0.98, c.Median*1.2
			m.Numbers[i] = n
		}
	}
	m.decide()
}

// number is the one that counts.
func (m *matter) number(place string) number {
	for _, n := range m.Numbers {
		if n.Measure == m.Workload.Measure && n.Warm == m.Workload.Warm && n.Place == place {
			return n
		}
	}
	return number{}
}

// isSafe says whether a place is in all that is needed.
func (m *matter) isSafe(place string) bool {
	return !slices.ContainsFunc(m.Matrix, func(c cell) bool {
		return c.Place == place && c.Verdict != safe && slices.Contains(m.Workload.Needs, c.Row)
	})
}

func (m *matter) decide() {
	c, v := m.number(inContainer), m.number(inVM)
	m.overlap = c.Low <= v.High && v.Low <= c.High
	switch {
	case !m.isSafe(inContainer) && !m.isSafe(inVM):
		m.right = inNeither
	case !m.isSafe(inVM):
		m.right = inContainer
	case !m.isSafe(inContainer):
		m.right = inVM
	case m.overlap:
		m.right = inEither
	case c.Median < v.Median != c.More:
		m.right = inContainer
	default:
		m.right = inVM
	}
}

// ask has it decided.
func (m *matter) ask(s Subject) (c claim, err error) {
	err = s.Ask(Question{Op: "decide", Args: m}, &c)
	if err == nil && c.Choice == "" && len(c.Cells) == 0 && len(c.Numbers) == 0 {
		err = unwritten("Decide", readClaims)
	}
	return c, err
}

func (m *matter) wrong(c claim, cause string) *Wrong {
	var cells []cell
	for _, of := range m.Matrix {
		if slices.Contains(m.Workload.Needs, of.Row) {
			cells = append(cells, of)
		}
	}
	numbers := fmt.Sprintf("%s, warm %v: container %s, VM %s", m.Workload.Measure, m.Workload.Warm, m.number(inContainer), m.number(inVM))
	cited := ""
	for _, n := range c.Numbers[:min(len(c.Numbers), 4)] {
		cited += fmt.Sprintf("; %s of %s, warm %v: %s", n.Measure, n.Place, n.Warm, n)
	}
	return &Wrong{Seen: fmt.Sprintf("choice %q, with %d cells and %d numbers%s", c.Choice, len(c.Cells), len(c.Numbers), cited),
		Expected: fmt.Sprintf("%q; it needs %v; %s", m.right, cells, numbers), Cause: cause, Read: readClaims}
}

func (n number) String() string { return fmt.Sprintf("%.4g (%.4g to %.4g)", n.Median, n.Low, n.High) }

// mustBeSafe has places that are not.
func mustBeSafe(s Subject) error {
	r := s.Rand()
	for _, bad := range []struct{ place, verdict string }{{inContainer, "harmed"}, {inVM, "degraded"}, {inContainer, "unclear"}, {inVM, "not run"}, {"", "harmed"}} {
		m := newMatter(r)
		if bad.place == "" {
			m.is(r, inContainer, bad.verdict)
			m.is(r, inVM, bad.verdict)
		} else {
			m.is(r, bad.place, bad.verdict)
		}
		c, err := m.ask(s)
		if err != nil {
			return err
		}
		if cause := m.whyNotSafe(c, bad.verdict); cause != "" {
			return m.wrong(c, cause)
		}
	}
	return nil
}

func (m *matter) whyNotSafe(c claim, verdict string) string {
	for _, of := range c.Cells {
		if !slices.Contains(m.Matrix, of) {
			return fmt.Sprintf("the claim cites a cell that is not in the matrix (%s, %s, %q): who checks it looks it up", of.Row, of.Place, of.Verdict)
		}
	}
	for _, of := range m.Matrix {
		if slices.Contains(m.Workload.Needs, of.Row) && !slices.Contains(c.Cells, of) {
			return fmt.Sprintf("the claim does not cite the cell of %s, %s: of each row that is needed, both places", of.Row, of.Place)
		}
	}
	switch {
	case c.Workload != m.Workload.Name:
		return "the claim is not about the workload that was asked for"
	case c.Choice == m.right:
		return ""
	case m.right == inNeither:
		return "no place is safe in all that is needed: the choice is \"neither\", whatever is faster"
	case verdict == "unclear" || verdict == "not run":
		return fmt.Sprintf("%q is taken for safe: it says that nobody has seen it", verdict)
	case verdict == "degraded":
		return "\"degraded\" is taken for safe: the victim got much less than alone"
	}
	return "a place is chosen that is not safe in a row that the workload needs, or the only safe one is not"
}

// numbersSay has both places safe.
func numbersSay(s Subject) error {
	r := s.Rand()
	for i := range 8 {
		m := newMatter(r)
		if i%2 == 1 {
			m.like()
		}
		if i >= 4 && i%2 == 0 { // one measure of each kind at least
			m.Workload.Measure = []string{"density", "start.output"}[i/2%2]
			m.decide()
		}
		c, err := m.ask(s)
		if err != nil {
			return err
		}
		if cause := m.whyNotNumbers(c); cause != "" {
			return m.wrong(c, cause)
		}
	}
	return nil
}

func (m *matter) whyNotNumbers(c claim) string {
	if len(c.Numbers) == 0 {
		return "the claim has no number: where both places are safe, the choice rests on what was measured, and cites it"
	}
	for _, n := range c.Numbers {
		switch {
		case !slices.Contains(m.Numbers, n):
			return "the claim cites a number that is not in the report: it must be as it was measured, with its interval"
		case n.Measure != m.Workload.Measure:
			return "the claim cites another measure than the one that counts for this workload"
		case n.Warm != m.Workload.Warm:
			return "something cold is compared with something warm: a cold VM beside a warm container says how much is saved by keeping things ready, and nothing of containers and VMs; both as the workload finds them"
		}
	}
	for _, place := range []string{inContainer, inVM} {
		if !slices.Contains(c.Numbers, m.number(place)) {
			return fmt.Sprintf("the number of the %s is missing: a comparison has two", place)
		}
	}
	switch {
	case c.Choice == m.right:
		return ""
	case m.overlap:
		return "the difference is inside of the intervals: another ten runs may say the opposite, so it is no reason; the choice is \"either\""
	case c.Choice == inEither || c.Choice == inNeither:
		return "the intervals have nothing in common, and both are safe: there is a reason, and a choice"
	case m.number(inVM).More:
		return "more is better by this measure (it counts, it takes no time), and the place with less was chosen"
	}
	return "less is better by this measure, and the place with more was chosen"
}
