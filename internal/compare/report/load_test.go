package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"terem/internal/compare/result"
)

func TestLoad(t *testing.T) {
	b, err := json.Marshal(sample())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "old.json")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := pageOf(t, r), pageOf(t, sample()); got != want {
		t.Error("the page of what was read is not that of what was written")
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"empty":     {"", "unexpected end"},
		"page":      {"<!DOCTYPE html>", "invalid character"},
		"other":     {`{"name": "x"}`, "no schema"},
		"null":      {"null", "no schema"},
		"list":      {"[]", "cannot unmarshal"},
		"newer":     {`{"schema": 99}`, "schema 99"},
		"no series": {`{"schema": 1, "series": [null]}`, "series 0 is empty"},
		"rounds":    {`{"schema": 1, "series": [{"samples": [1, 2], "rounds": [1]}]}`, "2 samples of 1 rounds"},
		"twice":     {`{"schema": 1, "series": [{"measure": "x"}, {"measure": "x"}]}`, "twice"},
		"cut":       {`{"schema": 1, "series": [{"samp`, "unexpected end"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "old.json")
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Load(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want one line with %q and the path", err, tt.want)
			}
		})
	}
	if _, err := Load("no/such/file"); err == nil || !strings.Contains(err.Error(), "no/such/file") {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := Load(t.TempDir()); err == nil {
		t.Error("a folder was read")
	}
}

// FuzzRead reads any bytes; what is accepted can be shown.
func FuzzRead(f *testing.F) {
	small := &result.Result{Schema: result.Schema, Targets: []result.Target{{Name: "vm", State: result.Ready}}}
	small.Add(result.StartGone, "vm", "", 0, 5)
	small.Add(result.Phases, "vm", "load", 0, 5)
	small.Finish()
	for _, r := range []*result.Result{{}, {Schema: result.Schema}, small} {
		b, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"schema":1,"series":[{"measure":"phases","part":"","samples":[1],"rounds":[0]}],"inside":[{"target":"host"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := read(bytes.NewReader(b))
		if err != nil {
			return
		}
		var out strings.Builder
		if err := Table(&out, r, Options{}); err != nil {
			t.Error(err)
		}
		if strings.ContainsAny(out.String(), "\x1b\x00") {
			t.Error("a control character reached the terminal")
		}
		checkPage(t, pageOf(t, r))
	})
}
