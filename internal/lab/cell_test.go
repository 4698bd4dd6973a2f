package lab

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"terem/guest"
	"terem/internal/lab/experiment"
	"terem/internal/lab/place"
	"terem/internal/lab/result"
)

// silent is a Progress that nobody sees.
type silent struct{}

func (silent) Begin(*result.Matrix) {}
func (silent) Start(int, int)       {}
func (silent) Done(int, int)        {}
func (silent) Close()               {}

// oneContainer is a terem that runs one container, as a process, and fails then.
const oneContainer = `#!/bin/sh
if mkdir "$0.used" 2>/dev/null; then
    until [ "$1" = -- ]; do shift; done
    shift
    exec "$@"
fi
echo 'terem: container: no space left on device' >&2
exit 69
`

// needsPrograms skips where the guest was not built, gives its cache and lets files be made in a directory of the test.
func needsPrograms(t *testing.T) string {
	t.Helper()
	cache, err := guest.DefaultCacheDir()
	if err == nil {
		_, err = guest.FindInitrd(cache)
	}
	if err != nil {
		t.Skipf("the guest's root file system: %v", err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	return cache
}

// TestLoopback wants a service of a victim to be at 127.0.0.1 alone: such a row runs on the host of whoever tries it.
func TestLoopback(t *testing.T) {
	w, err := place.New("terem", needsPrograms(t))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	for _, row := range []string{"reach-port", "network-down"} {
		e, _ := experiment.Find(row)
		victim, err := w.Start(w.Shell(e.Victim(experiment.Names{Tag: "t", Dir: w.Spare(), Data: w.Spare(), Port: port, Path: w.Programs()})))
		if err != nil {
			t.Fatal(err)
		}
		_ = victim.Ask("secret")
		said, err := victim.Until(t.Context(), experiment.Ready)
		if at := listening(t, port); err != nil || !slices.Equal(at, []string{"0100007F"}) {
			t.Errorf("%s: it listens at %q: %v, %q", row, at, err, said)
		}
		victim.Stop()
	}
}

// listening are the addresses at which somebody listens on a port, as /proc/net/tcp has them.
func listening(t *testing.T, port int) (at []string) {
	t.Helper()
	const listen = "0A"
	for _, file := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		b, _ := os.ReadFile(file) // there may be no version 6
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			if len(f) < 4 || f[3] != listen {
				continue
			}
			if address, found := strings.CutSuffix(f[1], fmt.Sprintf(":%04X", port)); found {
				at = append(at, address)
			}
		}
	}
	return at
}

// TestNoAttacker wants a victim whose attacker was never there not to be called safe.
func TestNoAttacker(t *testing.T) {
	cache := needsPrograms(t)
	terem := filepath.Join(t.TempDir(), "terem")
	if err := os.WriteFile(terem, []byte(oneContainer), 0o755); err != nil {
		t.Fatal(err)
	}
	m, err := Run(t.Context(), Options{Rows: []string{"kill"}, Columns: []string{"container"}, Terem: terem, CacheDir: cache, Progress: silent{}})
	if err != nil {
		t.Fatal(err)
	}
	if c := m.Rows[0].Cells[0]; c.Verdict != experiment.Unclear {
		t.Errorf("%s: %s %s\nbefore %q\nattack %q\nafter %q", c.Verdict, c.Evidence, c.Why, c.Before, c.Attack, c.After)
	}
}

// TestMiss: whoever was not seen to end is late, and no more.
func TestMiss(t *testing.T) {
	for _, tt := range []struct {
		err  error
		late bool
	}{
		{place.ErrEnded, false},
		{fmt.Errorf("x: %w", place.ErrEnded), false},
		{context.DeadlineExceeded, true},
	} {
		var s experiment.Seen
		if miss(&s, tt.err); s.Late != tt.late || s.Gone == "" {
			t.Errorf("%v: late: %v, %q", tt.err, s.Late, s.Gone)
		}
	}
}

// TestLimits wants a machine to outlive all that a cell waits for: two machines that start, a victim, and turns.
func TestLimits(t *testing.T) {
	const left = place.MachineLimit - place.MachineAge
	if all := 2*place.Patience + readyLimit + mostTurns*2*(answerLimit+attackLimit); all >= left {
		t.Errorf("a cell may take %v, and its machines may end after %v", all, left)
	}
}
