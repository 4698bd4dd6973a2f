package atwork

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"terem/guest"
	"terem/guest/cmdline"
)

func TestBoot(t *testing.T) {
	emulated(t)
	terem(t, "", "run", "--", "sh", "-c", "echo in the guest; exit 7").want(t, 7, "in the guest\n")
}

// TestSleep: a guest that sleeps wakes up: an interrupt of its timer reaches it while it is in HLT. The second sleep is
// the kernel's after it has switched to the timer that it keeps.
func TestSleep(t *testing.T) {
	emulated(t)
	for _, cpus := range []string{"1", "2"} {
		t.Run(cpus, func(t *testing.T) {
			s := terem(t, "", "run", "--cpus", cpus, "--timeout", "60s", "--", "sh", "-c", "sleep 1; sleep 1; echo awake")
			s.want(t, 0, "awake\n")
			if s.took < 2*time.Second {
				t.Errorf("two seconds of sleep took %v", s.took)
			}
		})
	}
}

// TestTwoCPUs: both run programs.
func TestTwoCPUs(t *testing.T) {
	emulated(t)
	terem(t, "", "run", "--cpus", "2", "--", "sh", "-c", "nproc; taskset 1 true && taskset 2 true && echo both").want(t, 0, "2\nboth\n")
}

// TestFeaturesTakenAway: a guest without kvm-clock, without the x2APIC, without a TSC deadline timer boots and sleeps.
func TestFeaturesTakenAway(t *testing.T) {
	emulated(t)
	for _, model := range []string{"host,-kvmclock", "host,-x2apic", "host,-tsc_deadline_timer", "host,-kvmclock,-x2apic,-tsc_deadline_timer"} {
		t.Run(model, func(t *testing.T) {
			terem(t, "", "run", "--cpu", model, "--cpus", "2", "--timeout", "100s", "--", "sh", "-c", "sleep 1; nproc").want(t, 0, "2\n")
		})
	}
}

// TestManyCPUs: all come up, on a host with fewer.
func TestManyCPUs(t *testing.T) {
	emulated(t)
	terem(t, "", "run", "--cpus", "24", "--memory", "256M", "--", "nproc").want(t, 0, "24\n")
}

// TestPipe: bytes go in and out as they are. Each costs some exits, so they are few here.
func TestPipe(t *testing.T) {
	emulated(t)
	var b strings.Builder
	for i := range 9000 {
		b.WriteByte(byte(i*7 + i>>8))
	}
	terem(t, b.String(), "run", "--", "cat").want(t, 0, b.String())
}

// TestDisk: what a guest writes to a disk is on it, and the next guest reads it.
func TestDisk(t *testing.T) {
	emulated(t)
	disk := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(disk, make([]byte, 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for i := 1; lines.Len() < 1<<20; i++ {
		fmt.Fprintln(&lines, i)
	}
	want := lines.String()[:1<<20]
	terem(t, "", "run", "--disk", disk, "--root", "none", "--", "sh", "-c",
		"seq 1 200000 | head -c 1048576 >/tmp/in; dd if=/tmp/in of=/dev/vda bs=64k seek=16 2>/dev/null; sync; echo written").want(t, 0, "written\n")
	b, err := os.ReadFile(disk)
	if err != nil {
		t.Fatal(err)
	}
	if string(b[1<<20:2<<20]) != want {
		t.Error("the disk does not have what the guest wrote")
	}
	terem(t, "", "run", "--disk", disk+",ro", "--root", "none", "--", "sh", "-c", "dd if=/dev/vda bs=64k skip=16 count=16 2>/dev/null | sha256sum").
		want(t, 0, fmt.Sprintf("%x  -\n", sha256.Sum256([]byte(want))))
}

// TestStockKernel boots the outer system's own kernel, a distribution's, to its init, and has it power off. It finds
// nothing to complain of in the ACPI hardware, as it did when PM1's enable bits did not read back as written.
func TestStockKernel(t *testing.T) {
	emulated(t)
	cache, err := guest.DefaultCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	g, err := guest.FindInitrd(cache)
	if err != nil {
		t.Fatal(err)
	}
	words, err := cmdline.Options{Argv: []string{"sh", "-c", "echo it is $(uname -r); dmesg | grep -E 'ACPI.*(Error|Exception|Could not)'; sleep 1; poweroff -f"}, Pipe: true}.Words()
	if err != nil {
		t.Fatal(err)
	}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		t.Fatal(err)
	}
	s := terem(t, "", "run", "--kernel", "/stock/vmlinuz", "--initrd", g.Initrd, "--memory", "512M", "--append", "quiet "+strings.Join(words, " "))
	if want := "it is " + string(release); s.status != 0 || !strings.Contains(s.out, want) {
		t.Errorf("status %d, output %q, standard error %q; want %q among it", s.status, s.out, s.stderr, want)
	}
	if strings.Contains(s.out, "ACPI") {
		t.Errorf("the kernel says %q", s.out)
	}
}

// TestTerminate: a guest that does nothing ends when terem is asked to end it.
func TestTerminate(t *testing.T) {
	emulated(t)
	c := exec.Command("terem", "run", "--", "sh", "-c", "echo up; sleep 1000")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	guard := time.AfterFunc(limit, func() { _ = c.Process.Kill() })
	defer guard.Stop()
	b := make([]byte, 3)
	if _, err := io.ReadFull(out, b); err != nil || string(b) != "up\n" {
		t.Errorf("first words %q, %v", b, err)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	_ = c.Wait() // its status is looked at
	if want := 128 + int(syscall.SIGTERM); c.ProcessState.ExitCode() != want {
		t.Errorf("it ended with %v after %v, want status %d", c.ProcessState, time.Since(start), want)
	}
}

// TestRefuses: where terem cannot run a guest it says why, in one line.
func TestRefuses(t *testing.T) {
	emulated(t)
	want := os.Getenv("TEREM_REFUSES")
	if want == "" {
		t.Skip("for outer systems in which terem cannot run")
	}
	s := terem(t, "", "run", "--timeout", "60s", "--", "true")
	if s.status == 0 || s.out != "" || strings.Count(s.stderr, "\n") != 1 || !regexp.MustCompile(want).MatchString(s.stderr) {
		t.Errorf("status %d, output %q, standard error %q; want one line like %q", s.status, s.out, s.stderr, want)
	}
}
