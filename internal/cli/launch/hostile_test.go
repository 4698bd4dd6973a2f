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

// complaint finds, by grep -E, what a kernel says of itself when something is wrong with it. What it says of a
// program, which is nothing wrong, has other words: "traps: hostile[7] general protection fault ip:...".
const complaint = `Oops|BUG: |kernel BUG at|WARNING: |invalid opcode: |(general protection|double) fault[:,]|\[#[0-9]+\]|Call Trace:|(rcu|watchdog): .*(stall|lockup)`

func TestComplaint(t *testing.T) {
	is := regexp.MustCompile(complaint)
	for line, want := range map[string]bool{
		"[    1.2] Oops: general protection fault, maybe for address 0x0: 0000 [#1] SMP": true,
		"[    1.2] Oops: 0002 [#1] SMP":                                                                 true,
		"[    1.2] general protection fault: 0000 [#1] SMP":                                             true,
		"[    1.2] general protection fault, probably for non-canonical address 0xdead: 0000 [#1] SMP":  true,
		"[    1.2] invalid opcode: 0000 [#1] SMP":                                                       true,
		"[    1.2] stack segment: 0000 [#2] SMP":                                                        true,
		"[    1.2] traps: PANIC: double fault, error_code: 0x0":                                         true,
		"[    1.2] BUG: unable to handle page fault for address: ffffc90000000000":                      true,
		"[    1.2] BUG: kernel NULL pointer dereference, address: 0000000000000000":                     true,
		"[    1.2] watchdog: BUG: soft lockup - CPU#0 stuck for 22s!":                                   true,
		"[    1.2] kernel BUG at mm/slub.c:4000!":                                                       true,
		"[    1.2] WARNING: CPU: 1 PID: 77 at arch/x86/kernel/fpu/core.c:57 __fpu_switch+0x1/0x2":       true,
		"[    1.2] rcu: INFO: rcu_sched self-detected stall on CPU":                                     true,
		"[    0.0] debug: ignoring loglevel setting.":                                                   false,
		"[    0.0] x86/fpu: x87 FPU on board, debugging off; no warnings":                               false,
		"[    1.2] traps: hostile[77] general protection fault ip:401b2c sp:7ffd error:0 in hostile":    false,
		"[    1.2] traps: hostile[77] trap invalid opcode ip:401b2c sp:7ffd error:0 in hostile[401000]": false,
		"[    1.2] hostile[77]: segfault at 0 ip 0000000000401b2c sp 00007ffd error 4 in hostile":       false,
		"[    1.2] hostile[77]: bad frame in rt_sigreturn frame:00007ffd ip:401b2c sp:7ffd orax:f":      false,
	} {
		if is.MatchString(line) != want {
			t.Errorf("%q: a complaint %v, want %v", line, !want, want)
		}
	}
}

// TestBootRandomFrames runs what may end a program in any way, and looks that the machine is there afterwards,
// and that its kernel had nothing to complain of.
func TestBootRandomFrames(t *testing.T) {
	if testing.Short() {
		t.Skip("boots Linux: not in -short")
	}
	_, contents := hostileProgram(t)
	const script = `/hostile instructions; /hostile frames 1 60; echo 'Oops, says the test' >/dev/kmsg; dmesg | grep -E '` + complaint + `'; echo alive`
	r := bootGuest(t, "", Options{Initrd: withProgram(t, "hostile", contents), CPUs: 2,
		Command: []string{"sh", "-c", script}})
	end := regexp.MustCompile(`still here\n\[[ 0-9.]+\] Oops, says the test\nalive\n\z`)
	if !end.MatchString(r.out) || r.status != 0 {
		t.Errorf("status %d, output\n%s%s", r.status, r.out, r.stderr)
	}
	t.Logf("%s", r.out)
}
