package main

import (
	"slices"
	"strings"
	"testing"

	"terem/internal/hardware/wire"
)

// binary is the output of a test binary with -test.v=test2json: the framework's lines begin with byte 16 hex.
func binary(lines ...string) []byte {
	return []byte(strings.ReplaceAll(strings.Join(lines, "\n")+"\n", "^", "\x16"))
}

// report is a job's record.
func report(output []byte, end *wire.End) *jobRecord {
	j := &jobRecord{Job: wire.Job{Name: "kvm"}, end: end}
	j.output.Write(output)
	return j
}

func TestJudge(t *testing.T) {
	pass := []string{"^=== RUN   TestA", "^--- PASS: TestA (0.00s)"}
	ok, bad := &wire.End{}, &wire.End{Status: 1}
	child := []string{"^=== RUN   TestB", "^=== RUN   TestB/x", "    b_test.go:7: no", "^--- FAIL: TestB/x (0.00s)",
		"^=== RUN   TestB/y", "^--- PASS: TestB/y (0.00s)", "^--- FAIL: TestB (0.00s)"}
	for _, tt := range []struct {
		name   string
		tests  []string
		output []string
		end    *wire.End
		known  []difference
		want   row    // counts
		note   string // kind, test and text of the only note, or empty
	}{
		{"passes", []string{"TestA"}, append(pass, "PASS"), ok, nil, row{passed: 1}, ""},
		{"fails", []string{"TestA", "TestB"}, slices.Concat(pass, child), bad, nil, row{passed: 1, bad: 1}, "FAILED TestB/x b_test.go:7: no"},
		{"fails as known", []string{"TestB"}, child, bad, []difference{{test: "TestB/x", why: "because"}}, row{known: 1}, "differs, as known TestB/x because"},
		{"fails beside a known child", []string{"TestB"}, slices.Insert(slices.Clone(child), 6, "^=== NAME  TestB", "    b_test.go:9: I, too"), bad, []difference{{test: "TestB/x", why: "because"}}, row{known: 1, bad: 1}, ""},
		{"fails beside a known grandchild", []string{"TestB"}, []string{"^=== RUN   TestB", "^=== RUN   TestB/x", "^=== RUN   TestB/x/y", "^--- FAIL: TestB/x/y (0.00s)",
			"^--- FAIL: TestB/x (0.00s)", "^=== NAME  TestB", "    b_test.go:9: I, too", "^--- FAIL: TestB (0.00s)"}, bad, []difference{{test: "TestB/x/y"}}, row{known: 1, bad: 1}, ""},
		{"another subtest is known", []string{"TestB"}, child, bad, []difference{{test: "TestB/y/z", why: "because"}, {test: "TestC/z"}}, row{bad: 2}, ""},
		{"a known subtest is not there", []string{"TestA"}, pass, ok, []difference{{test: "TestA/x", why: "because"}}, row{passed: 1, bad: 1},
			"no result TestA/x it is known to differ, and there is no such subtest, or it was left out"},
		{"known and gone", []string{"TestA"}, pass, ok, []difference{{test: "TestA", why: "because"}}, row{bad: 1}, noteGone + " TestA because"},
		{"skips", []string{"TestA"}, []string{"^=== RUN   TestA", "    a_test.go:1: no disk", "^--- SKIP: TestA (0.00s)"}, ok, nil, row{skipped: 1}, "skipped TestA a_test.go:1: no disk"},
		{"never began", []string{"TestA", "TestC"}, pass, ok, nil, row{passed: 1, bad: 1}, "no result TestC it began and did not end, or never began"},
		{"prints a verdict", []string{"TestA"}, []string{"^=== RUN   TestA", "--- PASS: TestA (0.00s)"}, &wire.End{Status: 2}, nil, row{bad: 2}, ""},
		{"fails afterwards", []string{"TestA"}, pass, bad, nil, row{passed: 1, bad: 1}, ""},
		{"crashes", []string{"TestA"}, append(pass, "panic: here"), &wire.End{Status: 2}, nil, row{passed: 1, bad: 1}, ""},
		{"is killed", []string{"TestA"}, pass, &wire.End{Status: -1, Late: true}, nil, row{passed: 1, bad: 1}, ""},
		{"killed by a signal", []string{"TestA"}, pass, &wire.End{Status: -1, Signal: "segmentation fault"}, nil, row{passed: 1, bad: 1}, ""},
		{"crashes beside a known failure", []string{"TestB"}, child, &wire.End{Status: 2}, []difference{{test: "TestB/x"}}, row{known: 1, bad: 1}, ""},
		{"would hang", []string{"TestA"}, pass, ok, []difference{{test: "TestA/x", why: "because", fatal: true}}, row{passed: 1, known: 1}, "differs, as known TestA/x not run: because"},
		{"would hang as a whole", []string{"TestA", "TestB"}, pass, ok, []difference{{test: "TestB", why: "because", fatal: true}}, row{passed: 1, known: 1}, "differs, as known TestB not run: because"},
		{"fails afterwards, and one would hang", []string{"TestA"}, pass, bad, []difference{{test: "TestA/x", fatal: true}}, row{passed: 1, known: 1, bad: 1}, ""},
		{"would hang, of another test", []string{"TestA"}, pass, ok, []difference{{test: "TestB", fatal: true}}, row{passed: 1}, ""},
		{"no end", []string{"TestA"}, pass, nil, nil, row{passed: 1, bad: 1}, "no result  the outer system ended before these tests did"},
		{"nothing", []string{"TestA", "TestB"}, nil, nil, nil, row{bad: 2}, "no result  none of its tests began: the outer system had ended"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out []byte
			if tt.output != nil {
				out = binary(tt.output...)
			}
			r := judge(testPackage{name: "kvm", tests: tt.tests}, report(out, tt.end), tt.known)
			if r.passed != tt.want.passed || r.skipped != tt.want.skipped || r.known != tt.want.known || r.bad != tt.want.bad {
				t.Errorf("%+v, want %+v", r, tt.want)
			}
			if tt.note != "" && (len(r.notes) != 1 || strings.Join([]string{r.notes[0].kind, r.notes[0].test, r.notes[0].text}, " ") != tt.note) {
				t.Errorf("notes %q, want %q", r.notes, tt.note)
			}
		})
	}
}

func TestKnownOf(t *testing.T) {
	all := []difference{{pkg: "kvm", test: "TestA"}, {backend: "vtx", pkg: "kvm", test: "TestB"}, {kernel: "6.1", pkg: "kvm", test: "TestC"}, {pkg: "vcpu", test: "TestD"}}
	for _, tt := range []struct{ backend, release, want string }{
		{"amdv", "6.1.0-57-cloud-amd64", "TestA TestC"},
		{"amdv", "6.12.117+deb12-cloud-amd64", "TestA"},
		{"vtx", "6.12.117+deb12-cloud-amd64", "TestA TestB"},
	} {
		var got []string
		for _, d := range knownOf(all, tt.backend, tt.release, "kvm") {
			got = append(got, d.test)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s, %s: %q, want %s", tt.backend, tt.release, got, tt.want)
		}
	}
}

func TestSkipping(t *testing.T) {
	list := []difference{{test: "TestA"}, {test: "TestB/x_(y)", fatal: true}, {test: "TestC", fatal: true}}
	if got, want := skipping(list), `^TestB$/^x_\(y\)$|^TestC$`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestSummary(t *testing.T) {
	good, bad := row{name: "a", passed: 3, skipped: 1}, row{name: "b", bad: 1}
	for _, tt := range []struct {
		name    string
		results []result
		ok      bool
	}{
		{"good", []result{{rows: []row{good}}}, true},
		{"one bad", []result{{rows: []row{good, bad}}, {rows: []row{good}}}, false},
		{"the outer system died", []result{{rows: []row{good}, failure: "panic"}}, false},
		{"no rows", []result{{}}, false},
		{"no boots", nil, false},
	} {
		var b strings.Builder
		if summary(&b, tt.results) != tt.ok || strings.Contains(b.String(), "FAILED") == tt.ok {
			t.Errorf("%s: %q, want ok %v", tt.name, b.String(), tt.ok)
		}
	}
}

func TestPrint(t *testing.T) {
	r := result{title: "outer", seconds: 68, failure: "kvm: the outer kernel died", console: "a\nb", rows: []row{
		{name: "kvm", passed: 3, bad: 1, seconds: 1.25, notes: []note{{noteFailed, "TestA", "one\ntwo"}, {noteSkipped, "TestB", "no disk"}}}}}
	var b strings.Builder
	r.print(&b)
	want := `
outer, 68 s
  package  pass  skip  differ  fail  seconds
  kvm      3     0     0       1     1.2
  skipped: kvm TestB: no disk
  FAILED: kvm TestA: one
    two
  FAILED: kvm: the outer kernel died
  the outer console's end:
    a
    b
`
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
}
