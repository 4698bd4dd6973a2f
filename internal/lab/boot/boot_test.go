package boot

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const ledger = `terem: booting
{"schema": 1, "exits": [{"name": "io", "count": 89, "ns": 314}], "phases": [{"name": "create", "ns": 1800000}, {"name": "load", "ns": 25000000}, {"name": "kernel", "ns": 700000000}]}
`

const log = `[    0.000000] Linux version 6.12.117-terem (gcc) #1 SMP
[    0.000000] Command line: console=ttyS0
no stamp
[    0.010000] something else
[  nonsense] Linux version
[    0.512345] Run /init as init process
`

// program is a terem that says what it is told to.
func program(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "terem")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWatch(t *testing.T) {
	tl, err := Watch(t.Context(), program(t, "cat <<'E'\n"+log+"E\ncat >&2 <<'E'\n"+ledger+"E\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(tl.Phases) != 3 || tl.Phases[2] != (Phase{"kernel", 26800 * time.Microsecond, 700 * time.Millisecond}) || tl.Total() != 726800*time.Microsecond {
		t.Errorf("%+v", tl.Phases)
	}
	if len(tl.Kernel) != 3 || tl.Kernel[2].Text != "Run /init as init process" || tl.Kernel[2].At.Round(time.Microsecond) != 512345*time.Microsecond {
		t.Errorf("%+v", tl.Kernel)
	}
	if len(tl.Exits) != 1 || tl.Exits[0] != (Count{"io", 89}) {
		t.Errorf("%+v", tl.Exits)
	}
}

func TestWatchFails(t *testing.T) {
	for script, want := range map[string]string{
		"echo 'terem: /dev/kvm: no such file' >&2; exit 69": "/dev/kvm: no such file",
		"exit 3": "exit status 3",
		":":      "the exit ledger: there is none",
	} {
		if _, err := Watch(t.Context(), program(t, script)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", script, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(log)
	f.Add(ledger)
	f.Add("[ 1e300] Run /init")
	f.Fuzz(func(_ *testing.T, s string) {
		for _, m := range parseLog(s) {
			if m.At < 0 || strings.ContainsRune(m.Text, '\n') {
				panic(m.Text)
			}
		}
		_, _ = parseLedger(s)
	})
}
