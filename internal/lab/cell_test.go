package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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

// TestNoAttacker wants a victim whose attacker was never there not to be called safe.
func TestNoAttacker(t *testing.T) {
	cache, err := guest.DefaultCacheDir()
	if err == nil {
		_, err = guest.FindInitrd(cache)
	}
	if err != nil {
		t.Skipf("the guest's root file system: %v", err)
	}
	t.Setenv("TMPDIR", t.TempDir())
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

// TestLimits wants a machine to outlive all that a cell waits for: two machines that start, a victim, two looks, an attack.
func TestLimits(t *testing.T) {
	if all := 2*place.Patience + readyLimit + 2*answerLimit + attackLimit; all >= place.MachineLimit {
		t.Errorf("a cell may take %v, and its machines end after %v", all, place.MachineLimit)
	}
}
