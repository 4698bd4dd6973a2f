package experiment

import (
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	const secret = "secret-0123456789abcdef"
	for _, tt := range []struct {
		name string
		row  string
		seen Seen
		want Verdict
	}{
		{"it answers", "kill", Seen{Before: []string{"I live"}, After: []string{"I live"}}, Safe},
		{"it does not", "kill", Seen{Before: []string{"I live"}, Gone: "it has ended"}, Harmed},
		{"the secret is told", "read-memory", Seen{Secret: secret, Attack: []string{"x", "it is " + secret + "!"}}, Harmed},
		{"another secret", "read-memory", Seen{Secret: secret, Attack: []string{"secret-fedcba9876543210"}}, Safe},
		{"told, and dead", "read-memory", Seen{Secret: secret, Attack: []string{secret}, Gone: "x"}, Harmed},
		{"dead by it", "read-memory", Seen{Secret: secret, Gone: "x"}, Harmed},
		{"slow", "kill", Seen{Before: []string{"I live"}, Gone: "no word in 1m0s", Late: true}, Unclear},
		{"slow, another answer", "fork-bomb", Seen{Before: []string{"I can"}, Gone: "no word in 1m0s", Late: true}, Unclear},
		{"slow, and told", "read-memory", Seen{Secret: secret, Attack: []string{secret}, Gone: "no word in 1m0s", Late: true}, Harmed},
		{"the same file", "delete-file", Seen{Before: []string{"inode 3", "aa"}, After: []string{"inode 3", "aa"}}, Safe},
		{"another file", "delete-file", Seen{Before: []string{"inode 3", "aa"}, After: []string{"inode 4", "aa"}}, Harmed},
		{"one kernel", "see-kernel", Seen{Before: []string{"boot_id=1"}, Attack: []string{"boot_id=1"}}, Harmed},
		{"two kernels", "see-kernel", Seen{Before: []string{"boot_id=1"}, Attack: []string{"boot_id=2"}}, Safe},
		{"no kernel", "see-kernel", Seen{Before: []string{"boot_id="}, Attack: []string{"boot_id="}}, Unclear},
		{"it never worked", "reach-port", Seen{Before: []string{"I do not reach it myself"}, After: []string{"I do not reach it myself"}}, Unclear},
		{"half the work", "cpu", Seen{Before: []string{"compute 100 10"}, After: []string{"compute 50 10"}}, Degraded},
		{"the best window counts", "cpu", Seen{Before: []string{"compute 10 10", "compute 100 10"}, After: []string{"compute 99 10", "compute 1 10"}}, Safe},
		{"in between", "cpu", Seen{Before: []string{"compute 100 10"}, After: []string{"compute 85 10"}}, Unclear},
		{"more work", "cpu", Seen{Before: []string{"compute 100 10"}, After: []string{"compute 120 10"}}, Safe},
		{"calls of one kernel", "calls", Seen{Before: []string{"boot_id=1"}, Attack: []string{"boot_id=1", Tried + "calls 300 464"}, Done: true}, Counted},
		{"calls of two", "calls", Seen{Before: []string{"boot_id=1"}, Attack: []string{"boot_id=2", Tried + "calls 300 464"}, Done: true}, NotCounted},
		{"no calls", "calls", Seen{Before: []string{"boot_id=1"}, Attack: []string{"boot_id=1", Tried}, Done: true}, Unclear},
		{"a busy machine", "cpu", Seen{Before: []string{"compute 100 10"}, After: []string{"compute 50 10"}, Others: 3}, Unclear},
		{"half of the time", "cpu", Seen{Before: []string{"compute 9 10", "used 0.79 0.80"}, After: []string{"compute 9 10", "used 0.41 0.80"}}, Degraded},
		{"all of a quota", "cpu", Seen{Before: []string{"compute 9 10", "used 0.20 0.80"}, After: []string{"compute 2 10", "used 0.20 0.81"}}, Safe},
		{"no work", "cpu", Seen{Before: []string{"probe: not found"}, After: []string{"probe: not found"}}, Unclear},
		{"no time", "cpu", Seen{Before: []string{"compute 100 0"}, After: []string{"compute 100 0"}}, Unclear},
		{"no numbers", "cpu", Seen{Before: []string{"compute NaN NaN"}, After: []string{"compute NaN NaN"}}, Unclear},
		{"a minute later", "clock", Seen{Before: []string{"clock=1000"}, After: []string{"clock=1060"}}, Safe},
		{"years before", "clock", Seen{Before: []string{"clock=1000000"}, After: []string{"clock=10"}}, Harmed},
		{"no clock", "clock", Seen{Before: []string{"clock="}, After: []string{"clock=10"}}, Unclear},
	} {
		e, ok := Find(tt.row)
		if !ok {
			t.Fatalf("no row %s", tt.row)
		}
		if got, why := e.Judge(tt.seen); got != tt.want || why == "" {
			t.Errorf("%s: %s, %q; want %s", tt.name, got, why, tt.want)
		}
	}
}

// TestDecide: what did not happen harms nobody, and proves nothing.
func TestDecide(t *testing.T) {
	const try = Tried + "something: status 1"
	for _, tt := range []struct {
		name        string
		row         string
		attack      []string
		done, ended bool
		want        Verdict
	}{
		{"it failed", "kill", []string{"kill: no such process", try}, true, false, Safe},
		{"it never began", "kill", []string{"terem: container: no space left on device", "(it ended)"}, false, true, Unclear},
		{"it says nothing", "kill", nil, true, false, Unclear},
		{"it takes too long", "kill", []string{try, "(not done after 2m0s)"}, false, false, Unclear},
		{"it died over it", "kill", []string{try, "(it ended)"}, false, true, Unclear},
		{"no such program", "kill", []string{"sh: rm: not found", Tried + "rm: status 127"}, true, false, Unclear},
		{"one of two programs", "kill", []string{Tried + "rm: status 127", try}, true, false, Safe},
		{"the attacker's kernel is dead", "panic", []string{try, "(it ended)"}, false, true, Safe},
		{"it was never there", "panic", []string{"terem: no space left on device", "(it ended)"}, false, true, Unclear},
		{"it hangs", "panic", []string{try, "(not done after 2m0s)"}, false, false, Unclear},
	} {
		e, _ := Find(tt.row)
		s := Seen{Before: []string{"I live"}, After: []string{"I live"}, Attack: tt.attack, Done: tt.done, Ended: tt.ended}
		if got, why := e.Decide(s); got != tt.want || why == "" {
			t.Errorf("%s: %s, %q; want %s", tt.name, got, why, tt.want)
		}
		s.After, s.Gone = nil, "it has ended"
		if got, _ := e.Decide(s); got != Harmed {
			t.Errorf("%s: a victim that has ended is %s", tt.name, got)
		}
	}
}

// TestNoAttack wants no row to be safe from an attacker that was never started.
func TestNoAttack(t *testing.T) {
	for _, e := range All() {
		s := Seen{Secret: "secret-1", Attack: []string{"terem: container: no space left on device", "(it ended)"}, Ended: true}
		if v, why := e.Decide(s); v == Safe {
			t.Errorf("%s: safe, since %s", e.Name, why)
		}
	}
}

// TestRows wants of each row what a reader and a run need.
func TestRows(t *testing.T) {
	names := map[string]bool{}
	for _, e := range All() {
		if names[e.Name] {
			t.Errorf("%s is there twice", e.Name)
		}
		names[e.Name] = true
		for what, text := range map[string]string{"title": e.Title, "question": e.Question, "look": e.Look, "attack": e.Attack, "does": e.AttackDoes, "sees": e.VictimSees} {
			if text == "" {
				t.Errorf("%s: no %s", e.Name, what)
			}
		}
		if !strings.Contains(e.Attack, `echo "`+Tried) {
			t.Errorf("%s: its attack never says what it has tried", e.Name)
		}
		if len(e.Title) > 28 {
			t.Errorf("%s: its title is wider than the table has it", e.Name)
		}
		n := Names{Tag: "T", Dir: "/d", Data: "/e", Port: 7, Path: "/bin"}
		if v := e.Victim(n); !strings.Contains(v, ": victim-T\n") || strings.Contains(v, "secret-0") {
			t.Errorf("%s: the victim is not found by its name, or tells its secret", e.Name)
		}
		if strings.Contains(e.Attacker(n), "victim-T") {
			t.Errorf("%s: the attacker would find itself", e.Name)
		}
	}
}

// FuzzJudge: no output of an attacker or a victim breaks a judge.
func FuzzJudge(f *testing.F) {
	f.Add("clock=1", "clock=99999999999999999999", "compute 1 1")
	f.Add("compute 1e308 1e-308", "compute -1 -1", "boot_id=")
	f.Fuzz(func(t *testing.T, before, after, attack string) {
		s := Seen{Secret: "secret-1", Before: strings.Split(before, "\n"), After: strings.Split(after, "\n"), Attack: strings.Split(attack, "\n")}
		for _, e := range All() {
			switch v, _ := e.Decide(s); v {
			case Harmed, Degraded, Safe, Unclear:
			default:
				t.Errorf("%s: %q", e.Name, v)
			}
		}
	})
}

// TestAnswered: calls that another kernel has answered are not taken for a number of the victim's, none among them.
func TestAnswered(t *testing.T) {
	e, _ := Find("calls")
	for other, want := range map[string]Verdict{"1": Counted, "2": NotCounted} {
		s := Seen{Before: []string{"boot_id=1"}, Attack: []string{"boot_id=" + other, Tried + "calls 300 464"}, Done: true}
		if v, why := e.Decide(s); v != want || e.Count(s) != 300 || !strings.Contains(why, "300 of 464") {
			t.Errorf("boot_id %s: %s, %q; want %s", other, v, why, want)
		}
	}
}
