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
	p, err := Start([]string{"/bin/sh", "-c", script}, nil, limit)
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
	p, err := Start([]string{"/bin/cat"}, r, time.Minute)
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

const smaps = `00400000-00645000 r-xp 00000000 fe:01 42                                 /usr/bin/a program
Size:               2324 kB
Rss:                 900 kB
Private_Dirty:         0 kB
VmFlags: rd ex mr mw me
7f0000000000-7f0008000000 rw-p 00000000 00:00 0
Size:             131072 kB
Rss:               40000 kB
Private_Dirty:     39000 kB
7f0010000000-7f0010400000 rw-p 00000000 00:00 0                          [anon: Go: heap]
Size:               4096 kB
Rss:                2048 kB
Private_Dirty:      1024 kB
THPeligible:           0
`

func TestSmaps(t *testing.T) {
	maps, err := parseSmaps(strings.NewReader(smaps))
	if err != nil {
		t.Fatal(err)
	}
	m, err := sum(maps, 128<<20)
	if err != nil || m.PrivateDirty != 1<<20 || m.GuestRAM != 39000<<10 || m.Rss != 2948<<10 {
		t.Errorf("%+v, %v", m, err)
	}
	if maps[0].Name != "/usr/bin/a program" || maps[1].Name != "anonymous" || maps[2].Name != "[anon: Go: heap]" {
		t.Errorf("names of %+v", maps)
	}
	if _, err := sum(maps, 64<<20); err == nil {
		t.Error("guest RAM that is not there was found")
	}
	if _, err := parseSmaps(strings.NewReader("0-1 r-xp 0 0 0\nRss: many kB\n")); err == nil {
		t.Error("a number that is none was read")
	}
}

func FuzzSmaps(f *testing.F) {
	f.Add(smaps)
	f.Fuzz(func(_ *testing.T, s string) {
		if maps, err := parseSmaps(strings.NewReader(s)); err == nil {
			_, _ = sum(maps, 128<<20) // no outcome is wrong: it must return
		}
	})
}
