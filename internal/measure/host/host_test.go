package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	root := t.TempDir()
	for path, text := range map[string]string{
		"proc/cpuinfo":              "processor\t: 0\nmodel name\t: A CPU: fast\n",
		"proc/meminfo":              "MemTotal:       1024 kB\nMemFree: 1 kB\n",
		"proc/sys/kernel/osrelease": "6.1.0\n",
		"proc/loadavg":              "0.50 0.25 0.10 1/100 4242\n",
		"sys/module/kvm_pvm/refcnt": "0\n",

		"sys/devices/system/cpu/cpu0/cpufreq/scaling_governor":  "powersave\n",
		"sys/devices/system/cpu/cpu1/cpufreq/scaling_governor":  "powersave\n",
		"sys/devices/system/cpu/cpu10/cpufreq/scaling_governor": "performance\n",
	} {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f := Read(root)
	if f.CPU != "A CPU: fast" || f.Memory != "1024 kB" || f.Kernel != "6.1.0" || f.KVM != "kvm_pvm" || f.Load != "0.50 0.25 0.10" ||
		f.Governor != "performance, powersave" {
		t.Errorf("%+v", f)
	}
	if s := Read(t.TempDir()).String(); !strings.Contains(s, "unknown") {
		t.Errorf("an empty root gives %q", s)
	}
}

func TestSoftwareKVM(t *testing.T) {
	for kvm, want := range map[string]bool{
		"kvm_pvm": true, "kvm_intel": false, "kvm_amd": false, "kvm_intel, kvm_pvm": false, "unknown": false, "": false,
	} {
		if got := (Fingerprint{KVM: kvm}).SoftwareKVM(); got != want {
			t.Errorf("%q: %v", kvm, got)
		}
	}
}

func TestTicks(t *testing.T) {
	before, err := parseTicks("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2\n")
	if err != nil {
		t.Fatal(err)
	}
	after, err := parseTicks("cpu  150 0 70 890 60 10 10 10 99 99\n")
	if err != nil {
		t.Fatal(err)
	}
	if busy, steal := after.Since(before); busy != 0.45 || steal != 0.05 {
		t.Errorf("busy %v, steal %v of %+v since %+v", busy, steal, after, before)
	}
	if busy, steal := before.Since(before); busy != 0 || steal != 0 {
		t.Errorf("busy %v, steal %v of no time", busy, steal)
	}
	for _, bad := range []string{"", "cpu 1 2", "intr 1 2 3 4 5 6 7 8 9", "cpu 1 2 3 4 5 6 7 x 9"} {
		if _, err := parseTicks(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
