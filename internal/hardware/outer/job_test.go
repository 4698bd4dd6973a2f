package main

import (
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"terem/internal/hardware/wire"
)

// shellJob runs a script as a job. What outlives it is this test's to end: as PID 1 the program ends everything.
func shellJob(t *testing.T, script string, limit time.Duration) (string, wire.End) {
	t.Helper()
	var mu sync.Mutex
	var out strings.Builder
	r := runner{clear: func() {
		mu.Lock()
		first, _, _ := strings.Cut(out.String(), "\n")
		mu.Unlock()
		var group int
		for _, c := range first {
			group = group*10 + int(c-'0')
		}
		if group > 1 {
			_ = syscall.Kill(-group, syscall.SIGKILL) // ESRCH: it has ended
		}
	}}
	end := r.run(wire.Job{Argv: []string{"/bin/sh", "-c", "echo $$; " + script}, Limit: limit}, func(l []byte) {
		mu.Lock()
		defer mu.Unlock()
		out.Write(l)
	})
	mu.Lock()
	defer mu.Unlock()
	_, rest, _ := strings.Cut(out.String(), "\n")
	return rest, end
}

func TestRun(t *testing.T) {
	for _, tt := range []struct {
		name, script, out string
		want              wire.End
	}{
		{"passes", "echo a; echo b >&2", "a\nb\n", wire.End{}},
		{"fails", "echo a; exit 7", "a\n", wire.End{Status: 7}},
		{"no newline", "printf a", "a", wire.End{}},
		{"crashes", "kill -SEGV $$", "", wire.End{Status: -1, Signal: "segmentation fault"}},
		{"hangs", "echo a; sleep 1000", "a\n", wire.End{Status: -1, Signal: "killed", Late: true}},
		{"leaves one behind", "sleep 1000 & exit 3", "", wire.End{Status: 3}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			limit := time.Minute
			if tt.want.Late {
				limit = time.Second
			}
			out, end := shellJob(t, tt.script, limit)
			end.Seconds = 0
			if out != tt.out || end != tt.want {
				t.Errorf("output %q, end %+v; want %q, %+v", out, end, tt.out, tt.want)
			}
		})
	}
}

func TestRunCannotStart(t *testing.T) {
	e := runner{clear: func() {}}.run(wire.Job{Argv: []string{"/nowhere/to/be/found"}, Limit: time.Minute}, func([]byte) {})
	if e.Error == "" || e.Status == 0 {
		t.Errorf("%+v", e)
	}
}

func TestCopyLines(t *testing.T) {
	var n, longest int
	var last string
	copyLines(strings.NewReader(strings.Repeat("x", 20_000)+"\n"+strings.Repeat("line\n", maxOutput/4)), func(l []byte) {
		n += len(l)
		longest = max(longest, len(l))
		last = string(l)
	})
	if longest != maxLine || n > maxOutput+100 || !strings.Contains(last, "dropped") {
		t.Errorf("%d bytes, the longest line %d, the last %q", n, longest, last)
	}
}

// TestKillAllRefuses: this test is not PID 1, and killAll would end the machine.
func TestKillAllRefuses(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("killAll went on")
		}
	}()
	killAll()
}

// TestSlowPort: a job has ended long before the last of its output has left, and none of it is lost.
func TestSlowPort(t *testing.T) {
	const lines, each = 8, time.Second // in all, longer than the grace for a pipe in which nothing moves
	n := 0
	r := runner{clear: func() {}}
	end := r.run(wire.Job{Argv: []string{"/bin/sh", "-c", "seq 8"}, Limit: time.Minute}, func([]byte) { time.Sleep(each); n++ })
	if n != lines || end.Status != 0 {
		t.Errorf("%d lines of %d; %+v", n, lines, end)
	}
}
