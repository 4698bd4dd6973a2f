package machine

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"terem/kvm"
)

// fakeKVM lists these leaves, and has the timer's capability or not.
type fakeKVM struct {
	leaves        []kvm.CPUIDEntry
	deadline      int
	noLeaf, noCap error
}

func (f fakeKVM) SupportedCPUID() ([]kvm.CPUIDEntry, error) {
	return slices.Clone(f.leaves), f.noLeaf
}

func (f fakeKVM) Check(c kvm.Capability) (int, error) {
	if c != kvm.CapTSCDeadlineTimer {
		return 0, errors.New("asked for another capability")
	}
	return f.deadline, f.noCap
}

// TestOfferedTimer: KVM before Linux 6.14 can do a TSC deadline and does not list it.
func TestOfferedTimer(t *testing.T) {
	const deadline = 1 << 24
	newer := amdLike()
	find(newer, 1, 0).Ecx |= deadline
	for _, tt := range []struct {
		name string
		kvm  fakeKVM
		want bool
	}{
		{"Linux 6.14: listed", fakeKVM{leaves: newer, deadline: 1}, true},
		{"Linux 6.1: not listed", fakeKVM{leaves: amdLike(), deadline: 1}, true},
		{"not to be had", fakeKVM{leaves: amdLike()}, false},
	} {
		leaves, err := offered(tt.kvm)
		if err != nil {
			t.Fatal(err)
		}
		if got := find(leaves, 1, 0).Ecx&deadline != 0; got != tt.want {
			t.Errorf("%s: offered %v", tt.name, got)
		}
		for i := range leaves { // and nothing else changes
			old := tt.kvm.leaves[i]
			if old.Function == 1 {
				old.Ecx = old.Ecx&^deadline | leaves[i].Ecx&deadline
			}
			if leaves[i] != old {
				t.Errorf("%s: leaf %#x became %+v", tt.name, old.Function, leaves[i])
			}
		}
	}
	for _, k := range []fakeKVM{{noLeaf: errors.New("no")}, {noCap: errors.New("no")}} {
		if _, err := offered(k); err == nil {
			t.Errorf("%+v: no error", k)
		}
	}
}

// TestTimerFromModel: --cpu acts on the timer also where terem has added it.
func TestTimerFromModel(t *testing.T) {
	for model, want := range map[string]bool{"host": true, "host,+tsc_deadline_timer": true, "host,-tsc_deadline_timer": false} {
		m, err := ParseCPU(model)
		if err != nil {
			t.Fatal(err)
		}
		host, err := offered(fakeKVM{leaves: intelLike(), deadline: 1})
		if err != nil {
			t.Fatal(err)
		}
		leaves := m.leaves(host, 1, 2)
		if _, err := m.check(shows(leaves)); err != nil {
			t.Errorf("%s: %v", model, err)
		}
		if got := find(leaves, 1, 0).Ecx>>24&1 == 1; got != want {
			t.Errorf("%s: tsc_deadline_timer %v", model, got)
		}
	}
}

// TestWithoutClock: kvm-clock goes as a whole, and the guest is told its TSC's frequency.
func TestWithoutClock(t *testing.T) {
	host := append(intelLike(), kvm.CPUIDEntry{Function: leafKVMFeatures, Eax: 0x01007efb})
	for model, want := range map[string]uint32{"host": 0x01007efb, "host,-kvmclock": 0x00007ef2, "host,+kvmclock": 0x01007efb} {
		m, err := ParseCPU(model)
		if err != nil {
			t.Fatal(err)
		}
		leaves := m.leaves(host, 0, 1)
		if got := find(leaves, leafKVMFeatures, 0).Eax; got != want || hasBit(leaves, kvmClock()) != (want&8 != 0) {
			t.Errorf("%s: features %#x, a clock: %v; want %#x", model, got, hasBit(leaves, kvmClock()), want)
		}
	}
}

func TestTellTSC(t *testing.T) {
	for model, want := range map[string]bool{"host": false, "host,-kvmclock": true} {
		c := tinyConfig(codeHalt)
		c.CPU, _ = ParseCPU(model) // one that cannot be read is the host's, and fails below
		m := newTiny(t, c)
		if got := strings.Contains(m.CmdLine(), "tsc_early_khz="); got != want {
			t.Errorf("%s: the command line is %q", model, m.CmdLine())
		}
	}
}
