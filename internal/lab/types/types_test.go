package types

import (
	"strings"
	"testing"

	"terem/internal/cli/doctor"
)

// TestKinds: what is said of hosts that are not this one.
func TestKinds(t *testing.T) {
	at := func(kinds []Kind, name string) string {
		for _, k := range kinds {
			if k.Name == name {
				return k.Here
			}
		}
		t.Fatalf("no kind %s", name)
		return ""
	}
	for _, tt := range []struct {
		name string
		p    doctor.Platform
		kvm  bool
		kind string
		want string
	}{
		{"bare metal", doctor.Platform{}, true, "bare metal", "as far as CPUID says"},
		{"bare metal", doctor.Platform{}, true, "between", "terem can make machines here, with KVM"},
		{"no KVM", doctor.Platform{}, false, "between", "no; no machines can be made here: /dev/kvm does not open"},
		{"Xen", doctor.Platform{Virtual: true, Hypervisor: "Xen", Type: doctor.Type1}, false, "type 1", "this host is a guest of one: Xen"},
		{"Xen", doctor.Platform{Virtual: true, Hypervisor: "Xen", Type: doctor.Type1}, false, "bare metal", "no"},
		{"KVM in KVM", doctor.Platform{Virtual: true, Hypervisor: "KVM", Type: doctor.Hybrid}, true, "between", "this host is a guest of one: KVM; terem can make machines here, with KVM"},
		{"unknown", doctor.Platform{Virtual: true, Type: doctor.Unknown, TypeNote: "cannot tell"}, true, "type 2", "perhaps: cannot tell"},
		{"a container", doctor.Platform{Container: "docker"}, true, "container", "this program is in one: docker"},
		{"none", doctor.Platform{Container: "none"}, true, "container", "not in one; terem can make them"},
	} {
		if got := at(kinds(tt.p, tt.kvm, "", ""), tt.kind); got != tt.want {
			t.Errorf("%s, %s: %q, want %q", tt.name, tt.kind, got, tt.want)
		}
	}
}

func TestUnder(t *testing.T) {
	layers := under(doctor.Host{Kernel: "6.1"}, doctor.Platform{Virtual: true, Hypervisor: "KVM", Product: "a machine"})
	var names []string
	for _, l := range layers {
		names = append(names, l.Name+" "+l.What)
		if l.By == "" {
			t.Errorf("%s: known by nothing", l.Name)
		}
	}
	if got := strings.Join(names, ", "); got != "machine a machine, hypervisor KVM, kernel 6.1, container none, program terem lab types" {
		t.Error(got)
	}
}
