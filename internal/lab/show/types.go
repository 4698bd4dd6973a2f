package show

import (
	"fmt"
	"io"
	"strings"

	"terem/internal/lab/types"
)

// Types writes what is under this host, the kinds, and what was measured.
func Types(w io.Writer, r types.Report) error {
	var b strings.Builder
	b.WriteString("Under this program, from the ground up\n\n")
	for _, l := range r.Under {
		fmt.Fprintf(&b, "%s\n", wrap(fmt.Sprintf("  %-11s%s (%s)", l.Name, Clean(l.What), l.By), strings.Repeat(" ", 13)))
	}
	b.WriteString("\nKinds of virtualization\n")
	for _, k := range r.Kinds {
		fmt.Fprintf(&b, "\n%s\n", wrap(fmt.Sprintf("  %-11s%s.", k.Name, upper(k.Is)), strings.Repeat(" ", 13)))
		fmt.Fprintf(&b, "%s\n", wrap("             Examples: "+k.Examples+".", strings.Repeat(" ", 13)))
		fmt.Fprintf(&b, "%s\n", wrap("             Here: "+Clean(k.Here)+".", strings.Repeat(" ", 13)))
	}
	b.WriteString("\n" + wrap("Why KVM stands between: on the bare machine Linux with KVM is what a type 1 hypervisor is, the one that has the processor. Yet it is an ordinary system with ordinary programs, and the machine's devices are one of those, as in type 2. terem is such a program.", "") + "\n")
	if len(r.Measured) > 0 {
		b.WriteString(measured(r.Measured))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// measured is a table of medians.
func measured(all []types.Measured) string {
	var b strings.Builder
	b.WriteString("\nThe same loops in each, nanoseconds for one (medians)\n\n")
	fmt.Fprintf(&b, "  %-18s", "")
	for _, m := range types.Measures() {
		fmt.Fprintf(&b, "%13s", m[1])
	}
	b.WriteString("\n")
	for _, x := range all {
		line := fmt.Sprintf("  %-18s", Clean(x.Target))
		if len(x.NS) == 0 {
			b.WriteString(wrap(line+"  "+Clean(x.Why), strings.Repeat(" ", 22)) + "\n")
			continue
		}
		for _, m := range types.Measures() {
			if ns, ok := x.NS[m[0]]; ok {
				line += fmt.Sprintf("%13.1f", ns)
			} else {
				line += fmt.Sprintf("%13s", "-")
			}
		}
		b.WriteString(line + "\n")
	}
	b.WriteString("\n" + wrap("Computing costs the same everywhere: the processor runs it. A container's system call is the host's. A VM's system call stays in the VM, and its page fault may cost a second one, of the hypervisor's. `terem compare` measures all of this with intervals.", "") + "\n")
	return b.String()
}
