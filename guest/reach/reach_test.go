package reach

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"terem/guest/bare/baretest"
)

// maxSize is what the program may weigh: one page.
const maxSize = 4 << 10

func run(t *testing.T, path string, args ...string) (said string, status int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, args...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestSmallAndStatic(t *testing.T) {
	baretest.Check(t, baretest.Compile(t, Program()), maxSize)
}

func TestInotify(t *testing.T) {
	path := baretest.Compile(t, Program())
	said, status := run(t, path, "inotify", "1")
	var n, errno int
	if got, err := fmt.Sscanf(said, "inotify %d %d\n", &n, &errno); got != 2 || err != nil || (n == 1) != (status == 0) || (n == 1) == (errno != 0) {
		t.Errorf("status %d, %q", status, said)
	}
}

// TestUsage runs nothing else: `reach calls` is for machines that nobody needs.
func TestUsage(t *testing.T) {
	path := baretest.Compile(t, Program())
	for _, args := range []string{"", "inotify", "inotify x", "inotify 1 keep", "inotify 9999999999", "calls 1", "memory", "memory x", "memory 1 2", "inotify 1 hold more"} {
		if said, status := run(t, path, strings.Fields(args)...); status != 64 || !strings.HasPrefix(said, "reach: usage: ") {
			t.Errorf("%q: status %d, %q", args, status, said)
		}
	}
}
