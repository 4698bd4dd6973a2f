package machine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"terem/devices/ctl"
)

func names(phases []Phase) string {
	var n []string
	for _, p := range phases {
		n = append(n, p.Name)
	}
	return strings.Join(n, " ")
}

func TestPhases(t *testing.T) {
	all := []mark{markMade, markEntered, markBegan, markExecuting, markOver}
	without := func(gone ...mark) []mark {
		return slices.DeleteFunc(slices.Clone(all), func(k mark) bool { return slices.Contains(gone, k) })
	}
	for _, tt := range []struct {
		name  string
		marks []mark
		want  string
	}{
		{"all", all, "create load kernel init program end"},
		{"a stranger's init", without(markBegan, markExecuting), "create load end"},
		{"no program", without(markExecuting), "create load kernel end"},
		{"a mark is missing", without(markBegan), "create load program end"},
		{"the wrong order", []mark{markMade, markEntered, markExecuting, markBegan, markOver}, "create load kernel end"},
		{"twice", append(slices.Clone(all), markBegan, markMade), "create load kernel init program end"},
		{"it runs", without(markOver), "create load kernel init"},
		{"never entered", []mark{markMade, markOver}, "create end"},
		{"nothing", nil, ""},
		{"restored", without(markBegan), "create restore guest program end"},
		{"restored, nobody notes", without(markBegan, markExecuting), "create restore end"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var m marks
			m.restored.Store(strings.HasPrefix(tt.name, "restored"))
			m.begin(time.Now().Add(-time.Second))
			for _, k := range tt.marks {
				m.note(k)
				time.Sleep(time.Microsecond) // no two at the same time
			}
			got := m.phases()
			if names(got) != tt.want {
				t.Errorf("phases %q, want %q", names(got), tt.want)
			}
			var sum time.Duration
			for _, p := range got {
				if p.Time < 0 {
					t.Errorf("%s took %v", p.Name, p.Time)
				}
				sum += p.Time
			}
			if len(got) == int(markCount)+1 && sum < time.Second {
				t.Errorf("the phases are %v together, of more than a second", sum)
			}
		})
	}
}

func TestMarksDoNotAllocate(t *testing.T) {
	var m marks
	m.begin(time.Time{})
	if n := testing.AllocsPerRun(100, func() { m.event(ctl.Began); m.event(ctl.Executing) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestPhasesOfAGuest marks the time as PID 1 does.
func TestPhasesOfAGuest(t *testing.T) {
	m := newTiny(t, tinyConfig(code(out(0x5f9, 4), out(0x5f9, 5), out(0x5f9, 4), out(0x5f8, 7), codeHalt)))
	start(t, m)
	if o := waitFor(t, m); o.Kind != Exited || o.Status != 7 {
		t.Fatalf("the guest ended so: %v", o)
	}
	r, err := m.Report()
	if err != nil {
		t.Fatal(err)
	}
	if want := "create load kernel init program end"; names(r.Phases) != want {
		t.Errorf("phases %q, want %q", names(r.Phases), want)
	}
}
