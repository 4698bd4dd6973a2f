package smaps

import (
	"strings"
	"testing"
)

const smaps = `00400000-00645000 r-xp 00000000 fe:01 42                                 /usr/bin/a program
Size:               2324 kB
Rss:                 900 kB
Pss:                 450 kB
Private_Dirty:         0 kB
VmFlags: rd ex mr mw me
7f0000000000-7f0008000000 rw-p 00000000 00:00 0
Size:             131072 kB
Rss:               40000 kB
Pss:               39500 kB
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
	if err != nil || m.PrivateDirty != 1<<20 || m.GuestRAM != 39000<<10 || m.Rss != 2948<<10 || m.Pss != 450<<10 || m.GuestPss != 39500<<10 {
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
