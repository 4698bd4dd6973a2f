package experiment

import (
	"strconv"
	"strings"
)

// Verdict is what became of the victim.
type Verdict string

const (
	Harmed     Verdict = "harmed"   // it was killed, changed, or found out
	Degraded   Verdict = "degraded" // it got much less than alone
	Safe       Verdict = "safe"
	Unclear    Verdict = "unclear"     // the numbers do not tell
	Counted    Verdict = "counted"     // nobody was harmed: a number says how much there is that could
	NotCounted Verdict = "not counted" // there is nothing to count: another kernel than the victim's was asked
)

// Experiment is one row: what is tried, and how it is seen.
type Experiment struct {
	Name       string // of --row
	Title      string
	Question   string
	Dangerous  bool // it harms the machine, not only the victim
	OneCPU     bool // the two have to share a processor
	Setup      string
	Look       string // answers in lines
	Attack     string // says in a line that begins with Tried what it has tried, and how that ended
	Fatal      bool   // the attack may end the attacker, too
	Rest       string // ends the attack, so that the victim is alone once more; empty: that is not needed
	AttackDoes string // in one sentence
	VictimSees string
	Judge      func(Seen) (Verdict, string) // of the victim, and a sentence of evidence; Decide asks for the attack, too
	Count      func(Seen) int               // of a verdict that is Counted
}

// Seen is what was observed.
type Seen struct {
	Secret        string
	Before, After []string // the victim's answers
	Gone          string   // why there is no answer after the attack; empty: there is
	Late          bool     // that is because the time was over: nobody saw the victim end
	Attack        []string // what the attacker said
	Others        float64  // so many programs ran beside the victim while it was alone, for each processor
	Done, Ended   bool     // the attacker has done what it can; it has ended
}

// Names that the scripts use. SECRET is told to the victim alone, and not on its command line.
type Names struct {
	Tag  string // everybody knows it: victim-TAG is in the victim's command line
	Dir  string // for the victim's files
	Data string // on a disk, if there is one
	Port int
	Path string // $PATH
	CPU  string // where it is to run; empty: anywhere
	Own  bool   // each of the two has a kernel of its own
}

// Marks end what is said.
const (
	Ready = "== ready"
	End   = "== end"
	Done  = "== done"
)

// Tried begins a line in which an attacker says what it has tried. Without one there was no attack that failed: there was none.
const Tried = "tried: "

func (n Names) preamble(data string) string {
	kernel := "shared"
	if n.Own {
		kernel = "own"
	}
	pin := "" // once more: a container's new control group may have undone what its command line asked for (cpuset, before Linux 6.2)
	if n.CPU != "" {
		pin = "taskset -pc " + n.CPU + " $$ > /dev/null\n"
	}
	return "export PATH=" + n.Path + " LC_ALL=C TZ=UTC; TAG=" + n.Tag + " DIR=" + n.Dir + " DATA=" + data + " PORT=" + strconv.Itoa(n.Port) + " KERNEL=" + kernel + "\n" + pin
}

// Victim is the script of the victim. It reads the secret, then a line for each look.
func (e Experiment) Victim(n Names) string {
	return n.preamble(n.Data) + ": victim-" + n.Tag + "\nexec 2>&1\nmkdir -p $DIR\nread -r SECRET\n" + block(e.Setup) + "echo '" + Ready +
		"'\nwhile read -r ask; do\n" + block(e.Look) + "echo '" + End + "'\ndone\n"
}

// Attacker is the script of the attacker: when it has done what it can it waits to be ended, and goes on with what lasts. One that can
// rest does so when it is told a line, and attacks again with the next.
func (e Experiment) Attacker(n Names) string {
	attack := block(e.Attack) + "echo '" + Done + "'\n"
	if e.Rest != "" {
		wait := "read -r next || exit\n"
		attack = "while :; do\n" + attack + wait + block(e.Rest) + "echo '" + Done + "'\n" + wait + "done\n"
	} else {
		attack += "read -r end\n"
	}
	return n.preamble(n.Data) + "exec 2>&1\n" + attack
}

func block(script string) string {
	if script = strings.Trim(script, "\n"); script == "" {
		return ""
	}
	return script + "\n"
}

// Find looks for an experiment by its name.
func Find(name string) (Experiment, bool) {
	for _, e := range All() {
		if e.Name == name {
			return e, true
		}
	}
	return Experiment{}, false
}

// All are the rows in their order.
func All() []Experiment {
	var all []Experiment
	for _, wing := range [][]Experiment{neighbour(), sight(), resources(), kernel()} {
		all = append(all, wing...)
	}
	return all
}
