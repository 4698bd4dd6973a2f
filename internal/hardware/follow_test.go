package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"terem/internal/hardware/wire"
)

// follow has a follower read a report and a console that are complete, of an emulator that has ended or has not.
func follow(t *testing.T, reportText, consoleText string, ended bool, limit time.Duration) *record {
	t.Helper()
	dir := t.TempDir()
	m := machine{report: filepath.Join(dir, "report"), console: filepath.Join(dir, "console")}
	for name, text := range map[string]string{m.report: reportText, m.console: consoleText} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	end := make(chan error, 1)
	if ended {
		end <- nil
	}
	f := follower{rec: newRecord([]wire.Job{{Name: "a", Limit: limit / allowance}, {Name: "b", Limit: limit / allowance}}), word: "w", boot: limit}
	f.follow(context.Background(), m, end)
	return f.rec
}

func TestFollow(t *testing.T) {
	const hello, aEnd, bEnd, done = `w {"Hello":"6.1"}` + "\n", `w {"Job":"a","End":{"Status":0}}` + "\n", `w {"Job":"b","End":{"Status":3}}` + "\n", `w {"Done":true}` + "\n"
	for _, tt := range []struct {
		name, report, console string
		ended                 bool
		want                  string // in the failure; empty: none
	}{
		{"complete", hello + `w {"Job":"a","Line":"aGk="}` + "\n" + aEnd + bEnd + done, "", false, ""},
		{"complete, and off", hello + aEnd + bEnd + done, "", true, ""},
		{"other words on the line", "noise\nv {}\n" + hello + aEnd + bEnd + done, "", true, ""},
		{"off before its first words", "", "", true, "boot: the outer system went off"},
		{"off in the second job", hello + aEnd, "", true, "b: the outer system went off"},
		{"off before the last word", hello + aEnd + bEnd, "", true, "power-off: the outer system went off"},
		{"panic", hello, "x\n[1.0] Kernel panic - not syncing: Oops\r\n", false, "a: the outer kernel died: Kernel panic - not syncing: Oops"},
		{"hang at boot", "", "", false, "boot: it had not ended"},
		{"hang in a job", hello, "", false, "a: it had not ended"},
		{"done too early", hello + aEnd + done, "", false, "b: the report ended without its end"},
		{"done at once", hello + done, "", false, "a: the report ended without its end"},
		{"again from the start", hello + aEnd + hello, "", false, "started anew"},
		{"out of turn", hello + bEnd, "", false, "out of turn"},
		{"one end twice", hello + aEnd + aEnd, "", false, "out of turn"},
		{"before hello", aEnd, "", false, "out of turn"},
		{"a line too short", hello + `w {"Job":"a","En` + "\n", "", false, "a broken line"},
		{"trouble", hello + `w {"Trouble":"load kvm.ko: no"}` + "\n", "", false, "load kvm.ko: no"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := follow(t, tt.report, tt.console, tt.ended, time.Second)
			if tt.want == "" && r.failure != "" || !strings.Contains(r.failure, tt.want) {
				t.Errorf("failure %q, want %q", r.failure, tt.want)
			}
			if r.died != strings.Contains(tt.console, "panic") {
				t.Errorf("died: %v", r.died)
			}
		})
	}
}

func TestFollowKeepsOutput(t *testing.T) {
	r := follow(t, `w {"Hello":"6.1"}`+"\n"+`w {"Job":"a","Line":"aGkK"}`+"\n"+`w {"Job":"a","Line":"eW91"}`+"\n"+`w {"Job":"a","End":{"Status":2}}`+"\n", "", true, time.Second)
	if out := r.jobs[0].output.String(); out != "hi\nyou" || r.jobs[0].end.Status != 2 || r.release != "6.1" || r.jobs[1].end != nil {
		t.Errorf("output %q, %+v", out, r.jobs[0].end)
	}
}
