package report

import (
	"slices"
	"strings"
	"testing"

	"terem/internal/compare/result"
)

// TestSnapshotLesson wants machines from snapshots beside one that boots, and what they are paid with; but nothing without either.
func TestSnapshotLesson(t *testing.T) {
	r := sample()
	if l := snapshotLesson(r); l.Text != "" {
		t.Errorf("nothing went on from a snapshot: %+v", l)
	}
	cold := r.Find(result.StartOutput, "vm", "")
	for name, title := range map[string]string{"vm-frozen": "terem VM, frozen", "vm-warm": "terem VM, warm"} {
		s := *cold
		s.Target = name
		r.Series = append(r.Series, &s)
		r.Targets = slices.DeleteFunc(r.Targets, func(t result.Target) bool { return t.Name == name })
		r.Targets = append(r.Targets, result.Target{Name: name, Title: title, Kind: result.VM})
	}
	l := snapshotLesson(r)
	if len(l.Points) != 3 || !strings.HasPrefix(l.Points[0], "terem VM, cold: ") || !strings.HasPrefix(l.Points[2], "terem VM, frozen: ") {
		t.Errorf("%q", l.Points)
	}
	for _, price := range []string{"disk", "memory", "layout of addresses"} {
		if !strings.Contains(l.Text, price) {
			t.Errorf("nothing of %s: %s", price, l.Text)
		}
	}
	r.Find(result.StartOutput, "vm-warm", "").Noisy = true
	if l = snapshotLesson(r); len(l.Points) != 2 {
		t.Errorf("a noisy row: %q", l.Points)
	}
	cold.Noisy = true
	if l = snapshotLesson(r); l.Text != "" {
		t.Errorf("nothing to compare with: %+v", l)
	}
}
