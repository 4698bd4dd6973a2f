package experiment

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// judge is how a row is decided.
type judge = func(Seen) (Verdict, string)

// Decide is the verdict. A victim is safe only from an attack that took place.
func (e Experiment) Decide(s Seen) (Verdict, string) {
	v, why := e.Judge(s)
	if v != Safe && v != Counted && v != NotCounted {
		return v, why
	}
	switch {
	case !slices.ContainsFunc(s.Attack, tried):
		return Unclear, "nothing shows that the attack took place: the attacker said " + said(s.Attack)
	case !s.Done && !(e.Fatal && s.Ended):
		return Unclear, "the attack did not come to its end: the attacker said " + said(s.Attack)
	}
	return v, why
}

// tried: the attacker says so, and its shell has found the program that it tried with.
func tried(line string) bool {
	const notExecutable, notFound = "status 126", "status 127" // POSIX, Shell Command Language, 2.8.2
	return strings.HasPrefix(line, Tried) && !strings.HasSuffix(line, notExecutable) && !strings.HasSuffix(line, notFound)
}

// alive: the victim answers still. One that only takes its time may be slow, as all of a busy machine is.
func alive(s Seen) (Verdict, string) {
	switch {
	case s.Late:
		return Unclear, "the victim did not answer in time, and was not seen to end: " + s.Gone
	case s.Gone != "":
		return Harmed, "the victim does not answer any more: " + s.Gone
	}
	return Safe, "the victim answers still"
}

// unchanged: the victim gives the same answer as before.
func unchanged(what string) judge {
	return func(s Seen) (Verdict, string) {
		switch {
		case s.Gone != "":
			return alive(s)
		case !slices.Equal(s.Before, s.After):
			return Harmed, fmt.Sprintf("the victim's %s was %s, and is %s", what, said(s.Before), said(s.After))
		}
		return Safe, fmt.Sprintf("the victim's %s is still %s", what, said(s.After))
	}
}

// untold: the attacker does not know what only the victim was told.
func untold(how string) judge {
	return func(s Seen) (Verdict, string) {
		for _, line := range s.Attack {
			if strings.Contains(line, s.Secret) {
				return Harmed, "the attacker says the victim's secret, " + s.Secret + ": it " + how
			}
		}
		if s.Gone != "" {
			return alive(s)
		}
		return Safe, "the attacker does not say the victim's secret"
	}
}

// given is a judge that says something only if the victim had said a line before the attack.
func given(line string, j judge) judge {
	return func(s Seen) (Verdict, string) {
		if !slices.Contains(s.Before, line) {
			return Unclear, "already before the attack the victim's answer was " + said(s.Before)
		}
		return j(s)
	}
}

// another: the attacker sees something else than the victim.
func another(what string) judge {
	return func(s Seen) (Verdict, string) {
		mine, theirs := value(s.Before, what), value(s.Attack, what)
		switch {
		case mine == "" || theirs == "":
			return Unclear, "one of them cannot read it"
		case mine == theirs:
			return Harmed, fmt.Sprintf("both read %s %s", what, mine)
		}
		return Safe, fmt.Sprintf("the victim reads %s %s, the attacker %s", what, mine, theirs)
	}
}

// Shares of work that a victim may lose: below the first it is safe, above the second degraded.
const (
	little = 0.10
	much   = 0.25
)

// worked: the victim has the processor as long as alone, by its kernel's accounts: they do not change with what a hypervisor below
// all of this does. A kernel that only the victim has takes all time for the victim's; then the work that is done tells. Of several windows the best counts, alone and under attack: whatever else this
// machine does can make a window worse, never better.
func worked(s Seen) (Verdict, string) {
	if s.Gone != "" {
		return alive(s)
	}
	const crowded = 1.5
	if s.Others > crowded {
		return Unclear, fmt.Sprintf("this machine is busy with something else (%.1f programs for each processor): the victim was not alone before the attack either", s.Others)
	}
	alone, under, text := best(s.Before, "used"), best(s.After, "used"), "the victim has the processor for %.0f %% of the time that it has it alone"
	if alone == 0 {
		alone, under, text = best(s.Before, "compute"), best(s.After, "compute"), "the victim does %.0f %% of what it does alone"
	}
	if alone <= 0 || under <= 0 {
		return Unclear, "the victim's work was not measured"
	}
	lost := 1 - under/alone
	text = fmt.Sprintf(text, 100*under/alone)
	switch {
	case lost < little:
		return Safe, text
	case lost > much:
		return Degraded, text
	}
	return Unclear, text
}

// best is the highest rate in lines of "NAME AMOUNT TIME".
func best(lines []string, name string) (rate float64) {
	for _, line := range lines {
		var amount, time float64
		if n, _ := fmt.Sscanf(line, name+" %f %f", &amount, &time); n == 2 && time > 0 {
			rate = max(rate, amount/time)
		}
	}
	return rate
}

// inTime: the victim's clock went on as time does.
func inTime(s Seen) (Verdict, string) {
	if s.Gone != "" {
		return alive(s)
	}
	const hour = 3600
	before, err := strconv.ParseInt(value(s.Before, "clock"), 10, 64)
	after, err2 := strconv.ParseInt(value(s.After, "clock"), 10, 64)
	if err != nil || err2 != nil {
		return Unclear, "the victim's clock was not read"
	}
	if d := after - before; d < 0 || d > hour {
		return Harmed, fmt.Sprintf("the victim's clock jumped by %d seconds", d)
	}
	return Safe, "the victim's clock goes on"
}

// value is what follows NAME= in a line of its own.
func value(lines []string, name string) string {
	for _, line := range lines {
		if v, ok := strings.CutPrefix(line, name+"="); ok {
			return v
		}
	}
	return ""
}

// said is an answer in one line.
func said(lines []string) string {
	if len(lines) == 0 {
		return "nothing"
	}
	return strconv.Quote(strings.Join(lines, "; "))
}

// answered are the system calls that the victim's kernel has answered for the attacker.
func answered(s Seen) int {
	n, _ := calls(s.Attack)
	return n
}

// counted says how many calls were answered, and by whom. Those of another kernel say nothing of the victim's: what that other kernel, or
// whatever runs it, asks of a kernel below is not counted here.
func counted(s Seen) (Verdict, string) {
	mine, theirs := value(s.Before, "boot_id"), value(s.Attack, "boot_id")
	n, of := calls(s.Attack)
	switch {
	case s.Gone != "":
		return alive(s)
	case mine == "" || theirs == "" || of == 0:
		return Unclear, "one of them did not say enough"
	case mine == theirs:
		return Counted, fmt.Sprintf("the victim's kernel answered %d of %d system calls of the attacker's", n, of)
	}
	return NotCounted, fmt.Sprintf("another kernel than the victim's answered %d of %d system calls; what the host's kernel was asked for to run it is not counted", n, of)
}

// calls finds "calls ANSWERED TRIED".
func calls(lines []string) (answered, tried int) {
	for _, line := range lines {
		if n, _ := fmt.Sscanf(line, Tried+"calls %d %d", &answered, &tried); n == 2 {
			return answered, tried
		}
	}
	return 0, 0
}
