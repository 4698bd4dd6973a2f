package launch

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"terem/internal/fault"
	"terem/internal/vm/disk"
)

func TestParseMoment(t *testing.T) {
	for s, want := range map[string]Moment{
		"ready=a": {WarmReady, "a"}, "program=a=b": {WarmProgram, "a=b"},
		"": {}, "ready": {}, "ready=": {}, "a": {}, "=a": {}, "later=a": {},
	} {
		got, err := ParseMoment(s)
		if got != want || (err == nil) != (want.Dir != "") {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
}

// TestBeginSnapshot: what cannot have a snapshot on the way is refused before anything boots, and nothing is left beside its directory.
func TestBeginSnapshot(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := os.Mkdir(there, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"warm":           {func(o *Options) { o.Warm = WarmReady }, "it wants a guest that boots"},
		"another kernel": {func(o *Options) { o.Kernel = "k" }, "only terem's own guest"},
		"a disk":         {func(o *Options) { o.Disks = []disk.Spec{{Path: "d"}} }, "the guest may write to it"},
		"no moment":      {func(o *Options) { o.SnapshotAt.At = "later" }, "no such moment"},
		"it is there":    {func(o *Options) { o.SnapshotAt.Dir = there }, "it exists; name another directory"},
		"usual":          {func(*Options) {}, ""},
	} {
		o := &Options{SnapshotAt: Moment{WarmReady, filepath.Join(dir, "snap")}}
		tt.change(o)
		s := newSession(o, time.Now())
		err := s.beginSnapshot()
		var told *fault.Error
		if (err == nil) != (tt.want == "") || err != nil && (!errors.As(err, &told) || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v", name, err)
		}
		s.endSnapshot()
	}
	if l, err := os.ReadDir(dir); err != nil || len(l) != 1 {
		t.Errorf("left: %v, %v", l, err)
	}
}

// TestChoose: what runs in a machine that is restored.
func TestChoose(t *testing.T) {
	for name, tt := range map[string]struct {
		at, kept, given string
		background      bool
		warm, runs, bad string
	}{
		"any moment":                 {},
		"any moment, a command":      {given: "x", bad: "its programs run already"},
		"program":                    {at: WarmProgram, kept: "a", warm: WarmProgram, runs: "a"},
		"program, another":           {at: WarmProgram, kept: "a", given: "x", bad: "its programs run already"},
		"ready":                      {at: WarmReady, kept: "a", warm: WarmReady, runs: "a"},
		"ready, another":             {at: WarmReady, kept: "a", given: "x", warm: WarmReady, runs: "x"},
		"ready, none":                {at: WarmReady, warm: WarmReady},
		"ready, none, in background": {at: WarmReady, background: true},
		"ready, in background":       {at: WarmReady, kept: "a", background: true, warm: WarmReady, runs: "a"},
	} {
		words := func(s string) []string { return strings.Fields(s) }
		ro := &RestoreOptions{Command: words(tt.given)}
		if tt.background {
			ro.Detached = os.Stdout
		}
		o := &Options{Command: words(tt.kept)}
		err := ro.choose(&request{At: tt.at}, o)
		if tt.bad != "" {
			if err == nil || !strings.Contains(err.Error(), tt.bad) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || o.Warm != tt.warm || strings.Join(o.Command, " ") != tt.runs {
			t.Errorf("%s: %v, %q, %q", name, err, o.Warm, o.Command)
		}
	}
}
