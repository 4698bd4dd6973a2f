package types

import (
	"context"
	"fmt"
	"strings"

	"terem/internal/cli/doctor"
	"terem/internal/compare"
	"terem/internal/compare/result"
)

// Report is what there is here.
type Report struct {
	Under    []Layer    `json:"under"` // from the ground up
	Kinds    []Kind     `json:"kinds"`
	Measured []Measured `json:"measured,omitempty"`
}

// Layer is one thing below this program.
type Layer struct {
	Name string `json:"name"`
	What string `json:"what"`
	By   string `json:"by"` // how it is known
}

// Kind is a kind of virtualization.
type Kind struct {
	Name     string `json:"name"`
	Is       string `json:"is"`
	Examples string `json:"examples"`
	Here     string `json:"here"`
}

// Measured is what one operation costs in a place, in nanoseconds.
type Measured struct {
	Target string             `json:"target"`
	Why    string             `json:"why,omitempty"` // there is nothing
	NS     map[string]float64 `json:"ns,omitempty"`  // by measure; medians
}

// Measures are those of Measured, and their titles.
func Measures() [][2]string {
	return [][2]string{{result.WorkCompute, "compute"}, {result.WorkSyscall, "system call"}, {result.WorkFault, "page fault"}, {result.WorkFork, "fork"}}
}

// Look finds out what is here, without measuring.
func Look(ctx context.Context) Report {
	r := doctor.Examine(ctx, doctor.Options{})
	java := ""
	for _, e := range r.Engines {
		if e.Name == "java" && e.State == doctor.OK {
			java = e.Detail
		}
	}
	return Report{Under: under(r.Host, r.Platform), Kinds: kinds(r.Platform, r.KVM.Opened, r.KVM.Detail, java)}
}

// under lists the layers below.
func under(h doctor.Host, p doctor.Platform) []Layer {
	machine := Layer{"machine", or(p.Product, "it does not say"), "/sys/class/dmi/id, which firmware or a hypervisor has written"}
	layers := []Layer{machine}
	if p.Virtual {
		layers = append(layers, Layer{"hypervisor", p.Hypervisor, "bit 31 of ECX in CPUID leaf 1, and the name in leaf 0x40000000"})
	} else {
		layers = append(layers, Layer{"hypervisor", "none that says so", "bit 31 of ECX in CPUID leaf 1 is clear"})
	}
	container := Layer{"container", or(p.Container, "none"), "namespaces, control groups and files that engines leave"}
	return append(layers, Layer{"kernel", h.Kernel, "uname(2)"}, container, Layer{"program", "terem lab types", "you have typed it"})
}

// kinds are the lecture's, and one between two of them.
func kinds(p doctor.Platform, kvm bool, kvmSays, java string) []Kind {
	here := func(t doctor.Type) string {
		switch {
		case p.Virtual && p.Type == t:
			return "this host is a guest of one: " + p.Hypervisor
		case p.Virtual && p.Type == doctor.Unknown:
			return "perhaps: " + or(p.TypeNote, "the hypervisor below does not say what it is")
		}
		return "no"
	}
	between := here(doctor.Hybrid)
	if kvm {
		between = strings.TrimPrefix(between+"; ", "no; ") + "terem can make machines here, with KVM"
	} else {
		between += "; no machines can be made here: " + or(kvmSays, "/dev/kvm does not open")
	}
	bare := "no"
	if !p.Virtual {
		bare = "as far as CPUID says"
	}
	container := "not in one; terem can make them"
	if p.Container != "" && !strings.HasPrefix(p.Container, "none") {
		container = "this program is in one: " + p.Container
	}
	jvm := "java is not installed"
	if java != "" {
		jvm = java
	}
	return []Kind{
		{"bare metal", "the kernel has the machine to itself", "your laptop", bare},
		{"type 1", "a hypervisor has the machine, from power-on; all systems are its guests", "Xen, ESXi, Hyper-V", here(doctor.Type1)},
		{"type 2", "a program of an ordinary system makes machines", "VirtualBox, VMware Workstation, QEMU without KVM", here(doctor.Type2)},
		{"between", "a module makes the system's own kernel the hypervisor; a program beside others has the devices", "KVM with terem, QEMU or Firecracker; bhyve", between},
		{"container", "no other machine, no other kernel: a process that sees and gets less", "terem container run, docker, podman", container},
		{"process VM", "a machine that no hardware is like, for one program, in a process", "Java VM, .NET, WebAssembly", jvm},
	}
}

// targets are those of package compare that stand for the kinds.
func targets() []string { return []string{"process", "container", "jvm", "vm"} }

// Measure runs the same loops in what the host has.
func (r *Report) Measure(ctx context.Context, o compare.Options) error {
	o.Targets, o.Groups = targets(), []string{result.GroupWork}
	c, err := compare.Run(ctx, o)
	if err != nil {
		return err
	}
	for _, t := range c.Targets {
		m := Measured{Target: t.Title, Why: t.Why, NS: map[string]float64{}}
		for _, name := range Measures() {
			for _, s := range c.Of(name[0]) {
				if s.Target == t.Name && len(s.Samples) > 0 {
					m.NS[name[0]] = s.Summary.Median
				}
			}
		}
		if len(m.NS) == 0 && m.Why == "" {
			m.Why = fmt.Sprintf("it is %s", t.State)
		}
		r.Measured = append(r.Measured, m)
	}
	return nil
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
