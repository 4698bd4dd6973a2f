package launch

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// clock defines now, which sets n to the guest's uptime in hundredths of a second. A shell takes 0.85 without its
// point for an octal number, and says that it is none.
const clock = `now() { read -r n rest <"${uptime:-/proc/uptime}"; n=${n%.*}${n#*.}; n=${n#0}; n=${n#0}; }
`

// sleeper sleeps a second on each vCPU and says so if the guest's clock agrees.
const sleeper = clock + `
cpu=0
while [ -e /sys/devices/system/cpu/cpu$cpu ]; do
	taskset -p -c $cpu $$ >/dev/null
	now; before=$n; sleep 1; now
	[ $((n - before)) -ge 100 ] && echo "cpu $cpu slept"
	cpu=$((cpu + 1))
done
`

// surveyor says what Linux made of CPUID: from /proc/cpuinfo, the topology and the caches.
const surveyor = `r() { v=$(cat "$1"); }
grep -E '^(physical id|siblings|core id|cpu cores|apicid|initial apicid)' /proc/cpuinfo
cd /sys/devices/system/cpu
cpu=0
while [ -e cpu$cpu ]; do
	r cpu$cpu/topology/physical_package_id; line="cpu $cpu: package $v"
	r cpu$cpu/topology/core_id; line="$line, core $v"
	r cpu$cpu/topology/thread_siblings_list; line="$line of threads $v"
	r cpu$cpu/topology/core_siblings_list; echo "$line, beside $v"
	for c in cpu$cpu/cache/index*; do
		[ -e $c/level ] || continue
		r $c/level; line="cpu $cpu: cache $v"; r $c/shared_cpu_list; echo "$line of $v"
	done
	cpu=$((cpu + 1))
done
`

// TestBootSleeps boots guests whose timer and clock are of each kind that there is; one without a timer sleeps for
// ever. What Linux makes of the processors it says on the way.
func TestBootSleeps(t *testing.T) {
	for _, tt := range []struct {
		name, cpu, words string
		cpus             int
	}{
		{"TSC deadline", "host", "", 1},
		{"TSC deadline", "host", "", 2},
		{"APIC timer measured, no x2APIC", "host,-tsc_deadline_timer,-x2apic", "", 1},
		{"APIC timer measured", "host,-tsc_deadline_timer", "", 2},
		{"no kvm-clock", "host,-kvmclock", "", 2},
		{"by the kernel's own choice", "host", "no-kvmclock lapic=notscdeadline nox2apic", 2},
		{"no APIC timer", "host", "nolapic_timer", 2},
	} {
		t.Run(fmt.Sprintf("%s, %d vCPUs", tt.name, tt.cpus), func(t *testing.T) {
			r := bootGuest(t, "", Options{CPU: tt.cpu, CPUs: tt.cpus, Append: tt.words, Quiet: true,
				Command: []string{"sh", "-c", sleeper + surveyor}})
			if r.status != 0 {
				t.Errorf("status %d, standard error %q", r.status, r.stderr)
			}
			want := "cpu 0 slept\ncpu 1 slept\n"[:len("cpu 0 slept\n")*tt.cpus]
			rest, ok := strings.CutPrefix(r.out, want)
			if !ok {
				t.Errorf("output %q; want first %q", r.out, want)
			}
			checkSurvey(t, rest, tt.cpus)
		})
	}
}

// TestClock: a guest that boots fast runs its program within the first second.
func TestClock(t *testing.T) {
	for uptime, want := range map[string]string{"0.00": "0", "0.08": "8", "0.85": "85", "0.10": "10", "1.09": "109", "10.00": "1000", "912.34": "91234"} {
		file := filepath.Join(t.TempDir(), "uptime")
		if err := os.WriteFile(file, []byte(uptime+" 3.21\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		c := exec.CommandContext(t.Context(), "sh", "-c", clock+"now; echo $((n + 0))")
		c.Env = append(os.Environ(), "uptime="+file)
		if out, err := c.CombinedOutput(); string(out) != want+"\n" || err != nil {
			t.Errorf("%s is %q, %v; want %s", uptime, out, err, want)
		}
	}
}

// TestBootTopology: more vCPUs than a power of two.
func TestBootTopology(t *testing.T) {
	r := bootGuest(t, "", Options{CPUs: 6, Command: []string{"sh", "-c", surveyor}})
	if r.status != 0 {
		t.Errorf("status %d, standard error %q", r.status, r.stderr)
	}
	checkSurvey(t, r.out, 6)
}

// checkSurvey: one package of n cores, one thread each; the third-level cache is
// everybody's, the others are their core's.
func checkSurvey(t *testing.T, out string, n int) {
	t.Helper()
	all := "0"
	if n > 1 {
		all = fmt.Sprintf("0-%d", n-1)
	}
	var want strings.Builder
	for cpu := range n {
		for _, line := range []string{"physical id\t: 0", fmt.Sprintf("siblings\t: %d", n), fmt.Sprintf("core id\t\t: %d", cpu),
			fmt.Sprintf("cpu cores\t: %d", n), fmt.Sprintf("apicid\t\t: %d", cpu), fmt.Sprintf("initial apicid\t: %d", cpu)} {
			want.WriteString(line + "\n")
		}
	}
	cache := regexp.MustCompile(`^cpu (\d+): cache (\d) of (.*)$`)
	caches := 0
	for line := range strings.Lines(out) {
		if m := cache.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			caches++
			if m[2] >= "3" && m[3] != all || m[2] < "3" && m[3] != m[1] {
				t.Errorf("%q: a first or second level is one core's, a third everybody's", line)
			}
		}
	}
	got := cacheLines.ReplaceAllString(out, "")
	for cpu := range n {
		fmt.Fprintf(&want, "cpu %d: package 0, core %d of threads %d, beside %s\n", cpu, cpu, cpu, all)
	}
	if got != want.String() {
		t.Errorf("Linux made of CPUID:\n%s\nwant:\n%s", got, want.String())
	}
	t.Logf("%d caches", caches)
}

var cacheLines = regexp.MustCompile(`(?m)^cpu \d+: cache .*\n`)
