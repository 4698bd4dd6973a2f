package proc

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func shell(t *testing.T, script string, limit time.Duration) *Process {
	t.Helper()
	p, err := Start([]string{"/bin/sh", "-c", script}, Options{Limit: limit})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestMarksComeInOrder(t *testing.T) {
	p := shell(t, `printf 'chatter\002'; sleep 0.05; printf '\003'; exit 3`, time.Minute)
	first, err := p.Until(2)
	if err != nil {
		t.Fatal(err)
	}
	second, err := p.Until(3)
	if err != nil {
		t.Fatal(err)
	}
	end, err := p.Wait(time.Minute)
	if err != nil || first <= 0 || second-first < 40*time.Millisecond || end < second {
		t.Errorf("marks at %v and %v, end at %v: %v", first, second, end, err)
	}
}

func TestLine(t *testing.T) {
	p := shell(t, `echo; echo one; echo two`, time.Minute)
	line, _, err := p.Line(func(s string) bool { return strings.TrimSpace(s) != "" })
	if line != "one\n" || err != nil {
		t.Errorf("line %q: %v", line, err)
	}
}

func TestSilence(t *testing.T) {
	p := shell(t, `echo 'KVM internal error' >&2; sleep 60`, 200*time.Millisecond)
	if _, err := p.Until(2); !errors.Is(err, ErrSilent) {
		t.Errorf("error %v after the deadline", err)
	}
	p.Close()
	if w := p.LastWords(); w != "KVM internal error" {
		t.Errorf("last words %q", w)
	}
	p = shell(t, `exit 1`, time.Minute)
	if _, err := p.Until(2); !errors.Is(err, ErrSilent) {
		t.Errorf("error %v after an early end", err)
	}
}

func TestWaitIsBounded(t *testing.T) {
	p := shell(t, `exec sleep 60`, time.Minute)
	if _, err := p.Wait(50 * time.Millisecond); err == nil {
		t.Error("a program that does not end was waited for")
	}
}

func TestStdin(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	p, err := Start([]string{"/bin/cat"}, Options{Stdin: r, Limit: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := w.WriteString("up\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Until('\n'); err != nil {
		t.Error(err)
	}
}

func TestParseBusy(t *testing.T) {
	text := "version 15\ntimestamp 4294\ncpu0 0 0 5 1 2 2 1500 7 9\ndomain0 1 2 3 4 5 6 7 8\ncpu1 0 0 5 1 2 2 500 7 9\n"
	if got, err := parseBusy(text); err != nil || got != 2000 {
		t.Errorf("%v, %v; want 2 µs", got, err)
	}
	for _, bad := range []string{"", "version 15\n", "cpu0 0 0 0 0 0 0 x 0 0\n", "cpu0 0 0 0 0 0 0 0 0 0\n", "cpu0 1 2\n"} {
		if got, err := parseBusy(bad); err == nil {
			t.Errorf("%q gives %v", bad, got)
		}
	}
}

func TestBusyGrows(t *testing.T) {
	before, err := Busy()
	if err != nil {
		t.Skip(err)
	}
	time.Sleep(10 * time.Millisecond)
	if after, err := Busy(); err != nil || after <= before {
		t.Errorf("%v, then %v, %v", before, after, err)
	}
}

// TestClock: a clock that is asked for is the one that counts, and where it stops there is no sample.
func TestClock(t *testing.T) {
	asked := 0
	o := Options{Limit: time.Minute, Clock: func() (time.Duration, error) {
		if asked++; asked > 2 {
			return 0, os.ErrClosed
		}
		return time.Duration(asked) * time.Hour, nil
	}}
	p, err := Start([]string{"/bin/sh", "-c", "echo; echo two"}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if took, err := p.Until('\n'); took != time.Hour || err != nil {
		t.Errorf("the first line took %v, %v", took, err)
	}
	if _, _, err := p.Line(func(l string) bool { return l == "two\n" }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("without a clock: %v", err)
	}
	if _, err := p.Wait(time.Minute); !errors.Is(err, os.ErrClosed) {
		t.Errorf("at the end, without a clock: %v", err)
	}
}

func TestCPUTime(t *testing.T) {
	p := shell(t, `echo up; read x; while :; do :; done`, time.Minute)
	if _, _, err := p.Line(func(string) bool { return true }); err != nil {
		t.Fatal(err)
	}
	before, err := p.CPUTime()
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; {
		after, err := p.CPUTime()
		if err != nil {
			t.Fatal(err)
		}
		if after > before {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a busy program has run for %v, and for %v a minute ago", after, before)
		}
		time.Sleep(time.Millisecond)
	}
	p.Close()
	if d, err := p.CPUTime(); err == nil {
		t.Errorf("a program that is no more runs for %v", d)
	}
}
