package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write the golden files anew")

// hosts calls f for each host of testdata.
func hosts(t *testing.T, f func(t *testing.T, file string, r Report)) {
	files, err := filepath.Glob("testdata/*.host")
	if err != nil || len(files) == 0 {
		t.Fatalf("no hosts in testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".host"), func(t *testing.T) {
			f(t, file, Examine(context.Background(), loadHost(t, file).options))
		})
	}
}

func text(t *testing.T, r Report, color bool) string {
	t.Helper()
	var b strings.Builder
	if err := r.Text(&b, color); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestText(t *testing.T) {
	hosts(t, func(t *testing.T, file string, r Report) {
		golden := strings.TrimSuffix(file, ".host") + ".txt"
		got := text(t, r, false)
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatalf("%v; write it with -update", err)
		}
		if got != string(want) {
			t.Errorf("the text differs from %s (-update accepts it):\n%s", golden, got)
		}
		checkLayout(t, got)
	})
}

// checkLayout wants 80 columns, except for commands that must not be broken.
func checkLayout(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		isCommand := strings.HasPrefix(strings.TrimSpace(line), "$ ") || strings.HasPrefix(line, "First: ")
		if utf8.RuneCountInString(line) > width && !isCommand {
			t.Errorf("wider than %d columns: %q", width, line)
		}
		if strings.TrimRight(line, " ") != line {
			t.Errorf("spaces at the end: %q", line)
		}
	}
}

func TestColorAddsOnlyColor(t *testing.T) {
	hosts(t, func(t *testing.T, _ string, r Report) {
		colored := text(t, r, true)
		for _, code := range []string{"\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"} {
			colored = strings.ReplaceAll(colored, code, "")
		}
		if plain := text(t, r, false); colored != plain {
			t.Errorf("without its codes the colored text is\n%s\nwant\n%s", colored, plain)
		}
	})
}

func TestJSONRoundTrip(t *testing.T) {
	hosts(t, func(t *testing.T, _ string, r Report) {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back Report
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(back)
		if err != nil || !bytes.Equal(b, again) {
			t.Errorf("%v: after a round trip\n%s\nwant\n%s", err, again, b)
		}
		if back.OK() != r.OK() || back.Ready != r.OK() {
			t.Errorf("OK %v, decoded %v, ready %v", r.OK(), back.OK(), back.Ready)
		}
	})
}

// TestSchema holds the names of doc.go: a program may rely on them.
func TestSchema(t *testing.T) {
	b, err := json.Marshal(Examine(context.Background(), loadHost(t, "testdata/software.host").options))
	if err != nil {
		t.Fatal(err)
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(b, &top); err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	if len(top) != reflect.TypeFor[Report]().NumField() {
		t.Errorf("%d names, want one for each field", len(top))
	}
	for name := range top {
		if !strings.Contains(string(doc), "//\t"+name+" ") {
			t.Errorf("doc.go does not list %q", name)
		}
	}
}

// TestMends wants a command wherever something is missing or wrong.
func TestMends(t *testing.T) {
	hosts(t, func(t *testing.T, _ string, r Report) {
		for _, c := range r.checks() {
			if c.Name == "" || c.State == "" || c.Detail == "" {
				t.Errorf("incomplete: %+v", c)
			}
			if c.State == Missing && c.Mend == "" {
				t.Errorf("%s is missing, and no command mends it", c.Name)
			}
			if c.State == OK && c.Mend != "" {
				t.Errorf("%s is ok, and %q would mend it", c.Name, c.Mend)
			}
		}
	})
}

func TestReady(t *testing.T) {
	want := map[string]bool{"intel-laptop": true, "amd-server": true, "software": true}
	hosts(t, func(t *testing.T, file string, r Report) {
		name := strings.TrimSuffix(filepath.Base(file), ".host")
		if r.OK() != want[name] {
			t.Errorf("OK is %v, want %v: %s", r.OK(), want[name], r.Summary)
		}
	})
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestTextReportsWriteError(t *testing.T) {
	if err := (Report{}).Text(brokenWriter{}, false); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error %v, want %v", err, os.ErrClosed)
	}
}
