package atwork

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// mostPrivate is how much memory of its own a clone may need, in KiB: what its guest has written to, and terem's own.
const mostPrivate = 6 << 10

// TestClones: machines of one snapshot share its memory, and each is another machine. TEREM_CLONES says how many.
func TestClones(t *testing.T) {
	emulated(t)
	own(t)
	n := 4
	if more, err := strconv.Atoi(os.Getenv("TEREM_CLONES")); err == nil {
		n = more
	}
	dir := filepath.Join(t.TempDir(), "snap")
	terem(t, "", "run", "--detach", "--name", "first").want(t, 0, "first\n")
	terem(t, "", "exec", "first", "sleep", "3").want(t, 0, "") // PID 1 makes its links meanwhile
	terem(t, "", "snapshot", "first", dir).want(t, 0, "")
	terem(t, "", "kill", "first").want(t, 0, "")
	names := ""
	for i := range n {
		names += fmt.Sprintf("c-%d\n", i+1)
	}
	terem(t, "", "restore", "--name", "c", "--number", strconv.Itoa(n), dir).want(t, 0, names)
	drawn := map[string]bool{}
	for name := range strings.FieldsSeq(names) {
		s := terem(t, "", "exec", name, "sh", "-c", "hostname; cat /proc/sys/kernel/random/boot_id; head -c 16 /dev/urandom | od -An -tx1")
		words := strings.Fields(s.out)
		if s.status != 0 || len(words) != 18 || words[0] != name || drawn[words[1]] || drawn[strings.Join(words[2:], "")] {
			t.Fatalf("not a machine of its own: %+v", s)
		}
		drawn[words[1]], drawn[strings.Join(words[2:], "")] = true, true
	}
	var list []struct {
		PID int `json:"pid"`
	}
	if s := terem(t, "", "ps", "--json"); json.Unmarshal([]byte(s.out), &list) != nil || len(list) != n {
		t.Fatalf("%+v", s)
	}
	sum, most := 0, 0
	for _, m := range list {
		private := privateOf(t, m.PID)
		sum, most = sum+private, max(most, private)
	}
	t.Logf("%d clones of 128 MiB: %d KiB private on average, %d at the most", n, sum/n, most)
	if most > mostPrivate {
		t.Errorf("a clone has %d KiB of its own, want %d at the most", most, mostPrivate)
	}
	terem(t, "", append([]string{"kill"}, strings.Fields(names)...)...).want(t, 0, "")
}

// privateOf is what a process shares with nobody, in KiB.
func privateOf(t *testing.T, pid int) (sum int) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[0], "Private_") {
			n, err := strconv.Atoi(f[1])
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			sum += n
		}
	}
	return sum
}
