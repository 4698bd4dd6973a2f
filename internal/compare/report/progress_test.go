package report

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
)

// watch is a clock that the test winds.
type watch struct{ at time.Time }

func (w *watch) now() time.Time { return w.at }

func run(p Progress, w *watch, measure, target string, round, of int, took time.Duration, err error) {
	p.Start(measure, target, round, of)
	w.at = w.at.Add(took)
	p.Done(measure, target, err)
}

func TestPlainProgress(t *testing.T) {
	var b strings.Builder
	w := &watch{time.Unix(0, 0)}
	p := newPlainProgress(&b, w.now)
	p.Plan(time.Minute, 4)
	for round := range 2 {
		run(p, w, "start", "crun", round+1, 2, time.Second, nil)
		run(p, w, "start", "vm", round+1, 2, 5*time.Second, errors.New("no\x1b[2J\nluck"))
	}
	p.Say("a \x07line")
	p.Close()
	const want = "4 runs, about 1m00s\n" +
		"start of crun: 2 runs (7s; about 15s left)\n" +
		"start of vm: 2 runs, 2 failed: no\ufffd[2J luck (12s; about 0s left)\n" +
		"a \ufffdline\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

// screen plays a terminal that knows what live writes: CR, LF, CUU, ED.
type screen struct {
	lines         []string
	column, line  int
	width, writes int
	t             *testing.T
}

func (s *screen) Write(b []byte) (int, error) {
	s.writes++
	rest := string(b)
	for rest != "" {
		switch {
		case rest[0] == '\r':
			s.column, rest = 0, rest[1:]
		case rest[0] == '\n':
			s.line, s.column, rest = s.line+1, 0, rest[1:]
		case strings.HasPrefix(rest, "\x1b[J"):
			s.lines = s.lines[:min(s.line, len(s.lines))]
			rest = rest[3:]
		case strings.HasPrefix(rest, "\x1b["):
			s.line, rest = s.line-int(rest[2]-'0'), rest[4:]
		default:
			plain, _, _ := strings.Cut(rest, "\n")
			plain, _, _ = strings.Cut(plain, "\r")
			for len(s.lines) <= s.line {
				s.lines = append(s.lines, "")
			}
			s.lines[s.line] += plain
			if n := text.StringWidth(s.lines[s.line]); n >= s.width {
				s.t.Errorf("a line of %d columns on %d: %q", n, s.width, plain)
			}
			s.column, rest = s.column+len(plain), rest[len(plain):]
		}
	}
	return len(b), nil
}

func TestLive(t *testing.T) {
	for _, width := range []int{20, 80, 200} {
		w, s := &watch{time.Unix(1000, 0)}, &screen{width: width, t: t}
		p := newLive(s, w.now, func() int { return width })
		p.Plan(time.Minute, 200)
		p.Say("hello")
		for i := range 100 {
			run(p, w, "start", "crun", i+1, 100, time.Millisecond, nil)
			run(p, w, "start", "process", i+1, 100, time.Millisecond, errors.New("no"))
		}
		if s.writes > 10 {
			t.Errorf("%d writes in a fifth of a second", s.writes)
		}
		run(p, w, "start", "vm", 1, 2, time.Minute, nil)
		if len(s.lines) != 3 || s.lines[0] != "hello" || width > 20 && (s.lines[1] != "start of vm, round 1 of 2" || !strings.Contains(s.lines[2], "200 of 200 runs, 0s, about ")) {
			t.Errorf("the screen shows %q", s.lines)
		}
		p.Close()
		p.Close()
		p.Say("bye")
		if len(s.lines) != 2 || s.lines[1] != "bye" {
			t.Errorf("after the end the screen shows %q", s.lines)
		}
	}
}

// TestLiveAnnounces shows a slow run before it begins, however short ago the last drawing.
func TestLiveAnnounces(t *testing.T) {
	w, s := &watch{time.Unix(1000, 0)}, &screen{width: 80, t: t}
	p := newLive(s, w.now, func() int { return 80 })
	p.Plan(time.Minute, 4)
	run(p, w, "start", "vm", 1, 2, time.Minute, nil)
	run(p, w, "start", "crun", 1, 2, time.Millisecond, nil)
	p.Start("start", "vm", 2, 2)
	if s.lines[0] != "start of vm, round 2 of 2" {
		t.Errorf("the screen shows %q", s.lines)
	}
}

func TestNewProgress(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if p, ok := NewProgress(f).(*plainProgress); !ok {
		t.Errorf("a file has progress %T", p)
	}
}
