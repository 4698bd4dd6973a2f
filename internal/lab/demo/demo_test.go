package demo

import (
	"strings"
	"testing"
)

// TestHarmless wants no step on this host to be one that would harm it, if what is told to refuse it did not.
func TestHarmless(t *testing.T) {
	harmful := []string{"date -s", "sysrq", "reboot", "poweroff", "halt", "insmod", "rmmod", "swapoff", "/proc/sys/vm", "/dev/", "rm -r", "kill"}
	for _, d := range append(Namespaces(), Image()...) {
		for _, s := range d.Steps {
			for _, h := range harmful {
				if strings.Contains(strings.ReplaceAll(s.Run, "/dev/null", ""), h) {
					t.Errorf("%s: %s: %s", d.Name, s.Who, s.Run)
				}
			}
		}
		if d.in != here {
			t.Errorf("%s: is it on this host?", d.Name)
		}
	}
	for _, d := range append(Groups(), Legacy()...) {
		if d.in == here {
			t.Errorf("%s would change the control groups of this host", d.Name)
		}
	}
}

// TestWaited reads cpu.stat of both versions.
func TestWaited(t *testing.T) {
	for _, tt := range []struct {
		said []string
		want bool
	}{
		{[]string{"nr_throttled 9", "throttled_usec 712000"}, true},
		{[]string{"nr_throttled 9", "throttled_time 712000000"}, true},
		{[]string{"nr_throttled 0", "throttled_usec 0"}, false},
		{[]string{"grep: /sys/fs/cgroup/lab/cpu.stat: No such file or directory"}, false},
		{nil, false},
	} {
		if got := waited(tt.said); got != tt.want {
			t.Errorf("%q: %v", tt.said, got)
		}
	}
}
