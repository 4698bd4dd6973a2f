package result

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"

	"terem/internal/measure/stats"
)

// filled has three targets, each twice as slow as the one before, and a fourth that
// cannot be told from the third.
func filled() *Result {
	r := &Result{Schema: Schema, Method: Method{Seed: 1}}
	random := rand.New(rand.NewPCG(1, 1))
	for round := range 30 {
		busy := 1 + random.Float64() // a round slows all of its runs
		noise := func() float64 { return busy * (1 + 0.02*random.Float64()) }
		r.Add(StartGone, "vm", "", round, 4000*noise())
		r.Add(StartGone, "container", "", round, 2000*noise())
		r.Add(StartGone, "twin", "", round, 4000*noise())
		r.Add(StartGone, Base, "", round, 1000*noise())
		r.Add(Phases, "vm", "create", round, 10)
		r.Add(Phases, "vm", "load", round, 20)
	}
	r.Finish()
	return r
}

func TestOrder(t *testing.T) {
	r := filled()
	of := r.Of(StartGone)
	if len(of) != 4 || of[0].Target != Base || of[1].Target != "container" {
		t.Fatalf("order: %v", of)
	}
	for i, tied := range []bool{false, false, false, true} {
		if of[i].Rank != i+1 || of[i].Tied != tied {
			t.Errorf("%s: place %d, tied %v; want %d, %v", of[i].Target, of[i].Rank, of[i].Tied, i+1, tied)
		}
	}
	if of[0].Ratio != nil {
		t.Error("the base is compared with itself")
	}
	if x := of[1].Ratio; x == nil || x.Median < 1.9 || x.Median > 2.1 || x.CI.Low < 1.9 || x.CI.High > 2.1 {
		t.Errorf("ratio %+v, want about 2: rounds are paired", x)
	}
	if s := r.Find(Phases, "vm", "load"); s.Rank != 0 || s.Unit != Nanoseconds {
		t.Errorf("a part: %+v", s)
	}
}

func TestMoreIsBetter(t *testing.T) {
	r := &Result{}
	for round := range 10 {
		r.Add(DensityCount, "a", "", round, 10)
		r.Add(DensityCount, "b", "", round, 20)
	}
	r.Finish()
	if of := r.Of(DensityCount); of[0].Target != "b" || of[0].Rank != 1 {
		t.Errorf("first is %s", of[0].Target)
	}
}

// TestTied has pairs of series that no one could order, and one that all could.
func TestTied(t *testing.T) {
	for _, tt := range []struct {
		what string
		a, b []float64
		more bool
		tied bool
	}{
		{"three rounds of runs that overlap", []float64{10, 20, 30}, []float64{11, 21, 31}, false, true},
		{"three that do not", []float64{10, 20, 30}, []float64{31, 32, 33}, false, false},
		{"three that do not, of which more is better", []float64{10, 20, 30}, []float64{31, 32, 33}, true, false},
		{"as many", []float64{5}, []float64{5}, true, true},
		{"one below the other in each round", []float64{10, 20, 30, 15, 25, 12, 22}, []float64{11, 22, 33, 16.5, 27.5, 13.2, 24.2}, false, false},
		// Its median is less, and it is slower in all rounds that both have.
		{"rounds against medians", []float64{90, 91, 92, 93, 94, 95, 20, 20, 20, 20, 20, 20, 20}, []float64{80, 81, 82, 83, 84, 85}, false, true},
	} {
		r := &Result{}
		measure := StartGone
		if tt.more {
			measure = DensityCount
		}
		for round, v := range tt.a {
			r.Add(measure, "a", "", round, v)
		}
		for round, v := range tt.b {
			r.Add(measure, "b", "", round, v)
		}
		for _, s := range r.Series {
			s.Summary = stats.Summarize(s.Samples)
		}
		first, second := r.Series[0], r.Series[1]
		if tt.more {
			first, second = second, first
		}
		if got := r.tied(first, second, tt.more); got != tt.tied {
			t.Errorf("%s: tied %v", tt.what, got)
		}
	}
}

func TestNoisy(t *testing.T) {
	r := &Result{}
	for round := range 10 {
		r.Add(StartGone, "wild", "", round, float64(1+round*round))
		r.Add(StartGone, "calm", "", round, 50+float64(round))
	}
	r.Finish()
	if !r.Find(StartGone, "wild", "").Noisy || r.Find(StartGone, "calm", "").Noisy {
		t.Error("the wild series is noisy, the calm one is not")
	}
}

// TestNoisyKeepsItsPlaceFree: what is second to something unknown is not first.
func TestNoisyKeepsItsPlaceFree(t *testing.T) {
	r := &Result{}
	for round := range 10 {
		r.Add(StartGone, "slow", "", round, 5000+float64(round))
		r.Add(StartGone, "wild", "", round, float64(1+round*round))
	}
	r.Finish()
	of := r.Of(StartGone)
	if of[0].Target != "wild" || of[0].Rank != 0 || of[1].Target != "slow" || of[1].Rank != 2 {
		t.Errorf("first %s with place %d, then %s with place %d", of[0].Target, of[0].Rank, of[1].Target, of[1].Rank)
	}
}

func TestFailures(t *testing.T) {
	r := &Result{}
	r.Fail(StartGone, "qemu", errors.New("no such machine"))
	r.Fail(StartGone, "qemu", errors.New("KVM internal error"))
	r.Finish()
	if s := r.Find(StartGone, "qemu", ""); s.Failed != 2 || s.Error != "KVM internal error" || s.Rank != 0 {
		t.Errorf("series %+v", s)
	}
}

func TestJSON(t *testing.T) {
	b, err := json.Marshal(filled())
	if err != nil {
		t.Fatal(err)
	}
	var back Result
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	s := back.Find(StartGone, "container", "")
	if s == nil || len(s.Samples) != 30 || s.Summary.N != 30 || s.Ratio == nil || s.Rank != 2 {
		t.Errorf("came back as %+v", s)
	}
}

func TestMeasures(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range Measures() {
		if m.Name == "" || m.Title == "" || m.Group == "" || m.Unit == "" || seen[m.Name] {
			t.Errorf("measure %+v", m)
		}
		seen[m.Name] = true
	}
	if _, ok := Of("no such"); ok {
		t.Error("a measure that is not there was found")
	}
}
