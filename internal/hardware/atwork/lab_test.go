package atwork

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"terem/internal/lab/attempt"
)

// TestExercises grades the lab's solutions, and wrong ones whose mistakes show only with KVM. Package hardware has built them: there is no Go here.
func TestExercises(t *testing.T) {
	emulated(t)
	b, err := os.ReadFile("/lab/attempts.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []attempt.Attempt
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Fatal("there are no attempts")
	}
	for _, a := range list {
		t.Run(strings.TrimPrefix(a.File(), "0"), func(t *testing.T) { judge(t, a) })
	}
}

func judge(t *testing.T, a attempt.Attempt) {
	var number int
	if _, err := fmt.Sscanf(a.Exercise, "%02d-", &number); err != nil {
		t.Fatal(err)
	}
	s := terem(t, "", "lab", "grade", fmt.Sprint(number), "--built", filepath.Join("/lab", a.File()), "--json", "--time", limit.String())
	var r struct {
		Points int `json:"points"`
		Of     int `json:"of"`
		Checks []struct {
			Check, State string
			Wrong        *struct{ Cause string }
		} `json:"checks"`
	}
	if err := json.Unmarshal([]byte(s.out), &r); err != nil {
		t.Fatalf("%v: %q, %q", err, s.out, s.stderr)
	}
	mistakes := map[string]string{}
	for _, c := range r.Checks {
		if c.Wrong != nil {
			mistakes[c.Check] = c.Wrong.Cause
		}
	}
	if err := a.Judge(true, mistakes); err != nil {
		t.Errorf("%v\n%s", err, s.out)
	}
	if a.Cause == "" && (r.Points != r.Of || s.status != 0) {
		t.Errorf("the solution has %d of %d points, status %d\n%s", r.Points, r.Of, s.status, s.out)
	}
	t.Logf("%s: %d of %d points, in %.1f s", a.File(), r.Points, r.Of, s.took.Seconds())
}
