package report_test

import (
	"os"

	"terem/internal/compare/report"
	"terem/internal/compare/result"
)

func ExampleTable() {
	r := &result.Result{Terem: "v1"}
	r.Targets = []result.Target{
		{Name: "process", Title: "process", Kind: result.Process, State: result.Ready},
		{Name: "runc", Title: "runc", Kind: result.Container, State: result.Absent, Mend: "apt-get install runc"},
	}
	for round, ms := range []float64{1.2, 1.3, 1.1, 1.2, 1.4, 1.3, 1.2} {
		r.Add(result.StartGone, "process", "", round, ms*1e6)
	}
	r.Finish()
	if err := report.Table(os.Stdout, r, report.Options{Width: 80}); err != nil {
		panic(err)
	}
	// Output:
	// terem compare v1
	// places     = cannot be told apart from the row above; - too noisy to rank.
	//            Intervals hold the median, and the ratio to a process, with 95 %
	//            confidence. n: samples.
	//
	// To the whole thing gone, ms
	//    target   n  median   p95  95 % interval  to process  95 % interval
	// ─────────────────────────────────────────────────────────────────────
	// 1  process  7    1.20  1.40      1.10–1.40
	//
	// Not there
	//   runc
	//     $ apt-get install runc
}
