// Package result is what the matrix of the lab found out, and its JSON form.
package result

import (
	"fmt"
	"strconv"
	"time"

	"terem/internal/lab/experiment"
	"terem/internal/measure/host"
)

// Schema is raised when a reader of the JSON form would have to change.
const Schema = 3

// NotRun is the verdict of a cell that was not run: Why says why.
const NotRun experiment.Verdict = "not run"

// Matrix is what was found out.
type Matrix struct {
	Schema  int              `json:"schema"`
	Terem   string           `json:"terem"`
	Started time.Time        `json:"started"`
	Took    time.Duration    `json:"took_ns"`
	Host    host.Fingerprint `json:"host"`
	Columns []Column         `json:"columns"`
	Rows    []Row            `json:"rows"`
	Absent  []string         `json:"absent,omitempty"` // engines that were looked for, and have no column: each says why
	Ended   string           `json:"ended,omitempty"`  // why it ended before its time
}

// Column is a way to keep two programs apart.
type Column struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	Note  string `json:"note"`
}

// Row is an experiment.
type Row struct {
	Name       string `json:"name"`
	Title      string `json:"title"`
	Question   string `json:"question"`
	AttackDoes string `json:"attack_does"`
	VictimSees string `json:"victim_sees"`
	Victim     string `json:"victim_script"`
	Attack     string `json:"attack_script"`
	Where      string `json:"where"` // where all but the machines ran
	Cells      []Cell `json:"cells"` // by column; fewer if the run ended early
}

// Cell is what one experiment found out in one place.
type Cell struct {
	Column    string             `json:"column"`
	Verdict   experiment.Verdict `json:"verdict"`
	Why       string             `json:"why,omitempty"`   // it was not run
	Count     *int               `json:"count,omitempty"` // of a verdict that is counted
	Expected  experiment.Verdict `json:"expected"`
	Fewer     string             `json:"fewer_than,omitempty"` // a column in which more is expected to be counted
	TooMany   bool               `json:"too_many,omitempty"`   // and it was not
	Mechanism string             `json:"mechanism"`            // what decides, if it comes as expected
	Evidence  string             `json:"evidence,omitempty"`
	Where     string             `json:"where,omitempty"`
	Took      time.Duration      `json:"took_ns,omitempty"`
	Commands  Commands           `json:"commands,omitzero"`
	Before    []string           `json:"before,omitempty"` // the victim's answers
	After     []string           `json:"after,omitempty"`
	Attack    []string           `json:"attack,omitempty"` // what the attacker said
}

// Commands are what stands in front of the two scripts.
type Commands struct {
	Victim   string `json:"victim,omitempty"`
	Attacker string `json:"attacker,omitempty"`
}

// Surprise says whether a cell came otherwise than expected.
func (c Cell) Surprise() bool {
	return c.Verdict != NotRun && (c.Verdict != c.Expected || c.TooMany)
}

// Wanted is what was expected, in words.
func (c Cell) Wanted() string {
	if c.TooMany {
		return "less than " + c.Fewer + " has"
	}
	return string(c.Expected)
}

// Compare looks whether less was counted in the last cell than in the one that is to have more, if that has a number.
func (r *Row) Compare() {
	last := &r.Cells[len(r.Cells)-1]
	for _, c := range r.Cells {
		if c.Column == last.Fewer && c.Count != nil && last.Count != nil && *last.Count >= *c.Count {
			last.TooMany = true
			last.Evidence += fmt.Sprintf("; that is not less than %d, which %s has", *c.Count, c.Column)
		}
	}
}

// Word is the verdict for a table: what was counted is a number.
func (c Cell) Word() string {
	if c.Verdict == experiment.Counted && c.Count != nil {
		return strconv.Itoa(*c.Count) + " calls"
	}
	return string(c.Verdict)
}
