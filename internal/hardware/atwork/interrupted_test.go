package atwork

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestLabInterrupted sends a SIGINT to those of the lab's commands that have a machine, at many moments: no terem is left, no file and no name of a
// machine. Elsewhere, without KVM, cmd/terem-tools does it to the others.
func TestLabInterrupted(t *testing.T) {
	emulated(t)
	long(t)
	before := terems(t)
	for _, args := range []string{"lab boot", "lab cgroups --only pids", "lab isolation --row kill --column vm"} {
		for _, after := range []time.Duration{0, 300, 1200, 3500, 7000} {
			tmp := t.TempDir()
			c := exec.Command("terem", strings.Fields(args)...)
			c.Env = append(os.Environ(), "TMPDIR="+tmp)
			c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(after * time.Millisecond)
			_ = c.Process.Signal(syscall.SIGINT) // it may have ended
			_ = c.Wait()                         // with whatever status: it was interrupted, or had ended
			if left := gone(t, before); len(left) > 0 {
				t.Errorf("%s after %v: processes are left: %q", args, after*time.Millisecond, left)
			}
			if left, _ := os.ReadDir(tmp); len(left) > 0 {
				t.Errorf("%s after %v: files are left: %v", args, after*time.Millisecond, left)
			}
			if s := terem(t, "", "ps", "--json"); strings.Contains(s.out, "terem-lab") {
				t.Errorf("%s after %v: a machine is left: %s", args, after*time.Millisecond, s.out)
			}
		}
	}
}

// gone waits until there is no terem but those, and gives what does not go.
func gone(t *testing.T, but []string) []string {
	t.Helper()
	const tries, pause = 500, 20 * time.Millisecond // what was killed is gone soon
	var left []string
	for range tries {
		left = slices.DeleteFunc(terems(t), func(p string) bool { return slices.Contains(but, p) })
		if len(left) == 0 {
			return nil
		}
		time.Sleep(pause)
	}
	return left
}

// terems are the processes that are terem, by number and name.
func terems(t *testing.T) (list []string) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if b, err := os.ReadFile(name); err == nil && strings.HasPrefix(string(b), "terem") {
			list = append(list, filepath.Base(filepath.Dir(name))+" "+strings.TrimSpace(string(b)))
		}
	}
	return list
}
