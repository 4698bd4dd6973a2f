package launch

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"terem/guest"
)

// hostileTests are the ways in which programs of an ordinary user ended a machine, or were ended although they
// did nothing wrong, where KVM interprets the guest's kernel. What each prints in a guest is what it prints as a
// process of the host.
var hostileTests = []string{"null-ss", "filters", "lost-page 500", "jump HANDLER"}

// hostileProgram builds testdata/hostile, a static program.
func hostileProgram(t *testing.T) (path string, contents []byte) {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("needs gcc")
	}
	sources, err := filepath.Glob("testdata/hostile/*.c")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "hostile")
	command(t, "gcc", append([]string{"-O1", "-static", "-pthread", "-o", program}, sources...)...)
	contents, err = os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	return program, contents
}

// pageFaultHandler is its address in the default guest's kernel.
func pageFaultHandler(t *testing.T) string {
	t.Helper()
	a, err := guest.Find(defaultCache(t))
	if err != nil {
		t.Fatal(err)
	}
	symbols, err := os.ReadFile(a.SystemMap)
	line := regexp.MustCompile(`(?m)^([0-9a-f]+) T asm_exc_page_fault$`).FindSubmatch(symbols)
	if err != nil || line == nil {
		t.Fatalf("%s has no asm_exc_page_fault", a.SystemMap)
	}
	return string(line[1])
}

// here is what the program prints as a process of this host.
func here(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestBootHostile compares them.
func TestBootHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("boots Linux: not in -short")
	}
	program, contents := hostileProgram(t)
	initrd := withProgram(t, "hostile", contents)
	handler := pageFaultHandler(t)
	for _, test := range hostileTests {
		t.Run(strings.Fields(test)[0], func(t *testing.T) {
			args := strings.Fields(strings.ReplaceAll(test, "HANDLER", handler))
			r := bootGuest(t, "", Options{Initrd: initrd, CPUs: 2, Command: append([]string{"/hostile"}, args...)})
			if want := here(t, program, args...); r.out != want || r.status != 0 {
				t.Errorf("status %d, output\n%s%swant, as a process has it,\n%s", r.status, r.out, r.stderr, want)
			}
		})
	}
}

// TestBootRandomFrames runs what may end a program in any way, and looks that the machine is there afterwards,
// and that its kernel had nothing to complain of.
func TestBootRandomFrames(t *testing.T) {
	if testing.Short() {
		t.Skip("boots Linux: not in -short")
	}
	_, contents := hostileProgram(t)
	const script = `/hostile instructions; /hostile frames 1 60; dmesg | grep -i -E 'oops|BUG|WARNING|invalid opcode: 0000|general protection fault: 0000'; echo alive`
	r := bootGuest(t, "", Options{Initrd: withProgram(t, "hostile", contents), CPUs: 2,
		Command: []string{"sh", "-c", script}})
	if !strings.HasSuffix(r.out, "still here\nalive\n") || r.status != 0 {
		t.Errorf("status %d, output\n%s%s", r.status, r.out, r.stderr)
	}
	t.Logf("%s", r.out)
}
