package doctor

import (
	"fmt"
	"strings"
)

func (t *page) host(h Host, p Platform) {
	t.title("Host")
	t.fact("CPU", fmt.Sprintf("%s; cores: %d, threads: %d", known(h.CPU), h.Cores, h.Threads))
	t.fact("memory", fmt.Sprintf("%s, %s available", size(h.Memory), size(h.Available)))
	t.fact("system", known(h.OS)+", Linux "+known(h.Kernel))
	t.fact("machine", p.Product)
	t.fact("runs in", p.below())
	if p.Virtual {
		t.more(p.typeText())
	}
	t.fact("container", p.inside())
}

// known stands in for what could not be read.
func known(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// below says what is underneath the host.
func (p Platform) below() string {
	if !p.Virtual {
		return "no virtual machine: this is the bare machine"
	}
	return "a virtual machine of " + p.Hypervisor
}

func (p Platform) typeText() string {
	text := "type " + string(p.Type)
	switch p.Type {
	case Hybrid:
		text = "between type 1 and type 2"
	case Unknown:
		text = "type 1 or type 2"
	}
	if p.TypeNote == "" {
		return text
	}
	return text + ": " + p.TypeNote
}

func (p Platform) inside() string {
	text := p.Container
	switch text {
	case "":
		text = "none"
	case "unknown":
		text = "yes, of an engine that left no name"
	}
	if p.ContainerNote == "" {
		return text
	}
	return text + " (" + p.ContainerNote + ")"
}

func (t *page) kvm(k KVM, b Backend) {
	t.title("KVM")
	t.check(k.Check)
	if k.VCPUsAdvised > 0 {
		t.fact("vCPUs in a VM", fmt.Sprintf("%d advised, %d at the most", k.VCPUsAdvised, k.VCPUsMost))
	}
	t.check(b.Check)
	if len(b.Defects) > 0 {
		t.fact("terem mends", strings.Join(b.Defects, "; "))
	}
	t.fact("hardware has", strings.Join(b.Hardware, " "))
	t.fact("KVM offers", strings.Join(k.GuestFeatures, " "))
}

// capabilities writes one row for all that are there, and one for each that is
// not.
func (t *page) capabilities(all []Capability) {
	if len(all) == 0 {
		return
	}
	t.title("KVM capabilities that terem uses")
	var good []Check
	for _, c := range all {
		if c.State == OK {
			good = append(good, c.Check)
		}
	}
	isRequired := func(c Check) bool { return c.Required }
	isOptional := func(c Check) bool { return !c.Required }
	for _, row := range []Check{
		{Name: "required", State: OK, Detail: names(good, isRequired)},
		{Name: "optional", State: OK, Detail: names(good, isOptional)},
	} {
		if row.Detail != "" {
			t.check(row)
		}
	}
	for _, c := range all {
		if c.State != OK {
			t.check(Check{Name: "lacking", State: c.State, Required: c.Required, Detail: c.Name, Why: c.Detail, Mend: c.Mend})
		}
	}
}

func (t *page) isolation(i Isolation) {
	t.title("Isolation for containers")
	t.check(i.Cgroups.Check)
	t.check(i.UserNamespaces)
}

// engines writes one line for each.
func (t *page) engines(all []Engine) {
	t.title("Container engines and other peers (all optional)")
	for _, e := range all {
		if e.State == Missing {
			t.row(t.mark(e.Check), e.Name, "$ "+e.Mend)
			continue
		}
		t.check(e.Check)
	}
}

func (t *page) guest(g Guest) {
	t.title("Guest")
	t.check(g.Kernel.Check)
	t.check(g.Cache.Check)
	t.check(g.Tools.Check)
}

func (t *page) verdict(r Report) {
	t.w.WriteString("\n")
	color := "32"
	if !r.Ready {
		color = "31"
	}
	for _, l := range wrap(r.Summary, width) {
		t.w.WriteString(t.paint(color, l) + "\n")
	}
	if c := r.obstacle(); c != nil && c.Mend != "" {
		t.w.WriteString("First: " + c.Mend + "\n")
	}
}
