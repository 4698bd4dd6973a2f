package report

import (
	"fmt"

	"terem/internal/compare/result"
)

// depths are the ways to start a machine of terem's, by how much of it has been done before.
var depths = [...]struct{ target, done string }{
	{"vm", "its kernel boots, and its init executes the program"},
	{"vm-warm", "its kernel had booted; the program is executed"},
	{"vm-frozen", "the program had been executed, too, and goes on from its first instruction"},
}

// snapshotLesson compares machines that boot with those that go on from a snapshot, and says what the difference is paid with.
func snapshotLesson(r *result.Result) lesson {
	var l lesson
	for _, d := range depths {
		s := r.Find(result.StartOutput, d.target, "")
		if s == nil || s.Noisy || len(s.Samples) == 0 {
			if d.target == "vm" {
				return lesson{}
			}
			continue
		}
		text := fmt.Sprintf("%s: %s (%s), %s", target(r, d.target).Title, one(s.Unit, s.Summary.Median), samples(s.Summary.N, s.Summary.N), d.done)
		l.Points = append(l.Points, text)
	}
	if len(l.Points) < 2 {
		return lesson{}
	}
	l.Text = "A VM that goes on from a snapshot does not boot. It is paid for in other coin: a snapshot on disk for each kind of guest, and, frozen, for each command line; " +
		"memory that is read from there when it is touched (and shared, until it is written to); and a past that all its machines have in common, with the layout of addresses and " +
		"whatever else was drawn before the snapshot. To the first byte of output:"
	return l
}
