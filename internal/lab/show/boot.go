package show

import (
	"fmt"
	"io"
	"strings"
	"time"

	"terem/internal/lab/boot"
)

// happens is what is done in each phase, and what a computer on a desk does in its place.
func happens(phase string) string {
	return map[string]string{
		"create":  "terem opens /dev/kvm, maps RAM, makes the VM, its interrupt controllers, devices and vCPUs. On a desk: the power supply is stable, and the processor's reset line is let go.",
		"load":    "terem puts kernel, command line, initial RAM disk and a memory map into RAM and sets the registers. On a desk: firmware finds memory and devices, and a boot loader reads the kernel from a disk.",
		"kernel":  "The kernel sets up page tables, memory, interrupts, processors and drivers, unpacks the RAM disk, and makes process 1.",
		"init":    "Process 1 mounts /proc, /sys, /dev and control groups, opens the console, and starts the program.",
		"program": "The program runs, in the machine that there is now. Its exit status goes to terem by an I/O port.",
		"end":     "vCPUs stop, devices and memory are given back.",
	}[phase]
}

// Boot writes a boot as a timeline.
func Boot(w io.Writer, t *boot.Timeline) error {
	const width = 50
	var b strings.Builder
	total := t.Total()
	fmt.Fprintf(&b, "From power-on to a program and its end: %s\n\n", span(total))
	fmt.Fprintf(&b, "%-8s %9s %9s\n", "phase", "from", "takes")
	for _, p := range t.Phases {
		at, size := 0, 1
		if total > 0 {
			at = int(int64(width) * int64(p.From) / int64(total))
			size = max(1, int(int64(width)*int64(p.Took)/int64(total)))
		}
		fmt.Fprintf(&b, "%-8s %9s %9s  %s%s\n", Clean(p.Name), span(p.From), span(p.Took), strings.Repeat(" ", min(at, width-1)), strings.Repeat("━", min(size, width)))
	}
	b.WriteString("\n")
	for _, p := range t.Phases {
		if text := happens(p.Name); text != "" {
			b.WriteString(wrap(fmt.Sprintf("%-9s%s", p.Name, text), strings.Repeat(" ", 9)) + "\n")
		}
	}
	if len(t.Kernel) > 0 {
		b.WriteString("\nWhat the kernel said, by its own clock, which begins with it:\n\n")
		for _, m := range t.Kernel {
			fmt.Fprintf(&b, "%9s  %s\n", span(m.At), cut(Clean(m.Text), 68))
		}
	}
	if len(t.Exits) > 0 {
		b.WriteString("\nWhat left the guest for terem meanwhile:\n\n")
		for _, c := range t.Exits {
			fmt.Fprintf(&b, "%9d  %s\n", c.Count, Clean(c.Name))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// span is a time in milliseconds, which carry over from the shortest phase to the longest.
func span(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// cut shortens a line.
func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-3]) + "..."
	}
	return s
}
