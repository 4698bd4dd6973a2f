package show

import (
	"fmt"
	"io"
	"strings"

	"terem/internal/lab/demo"
)

// Demo writes a demonstration: its idea, its steps and what they said, its lesson.
func Demo(w io.Writer, d demo.Done, o Options) error {
	var b strings.Builder
	bold := func(s string) string {
		if o.Color {
			return "\x1b[1m" + s + "\x1b[0m"
		}
		return s
	}
	fmt.Fprintf(&b, "%s\n\n%s\n\n", bold(d.Title), wrap("  "+d.Idea, "  "))
	if d.Enter != "" {
		fmt.Fprintf(&b, "  The shell inside was started with: %s\n\n", d.Enter)
	}
	for _, s := range d.Steps {
		fmt.Fprintf(&b, "  %-8s $ %s\n", s.Who, s.Run)
		for _, line := range s.Lines {
			fmt.Fprintf(&b, "             %s\n", Clean(line))
		}
	}
	switch {
	case d.Why != "":
		fmt.Fprintf(&b, "\n%s\n", wrap("  It could not be shown here: "+Clean(d.Why), "  "))
	case d.Shown:
		fmt.Fprintf(&b, "\n%s\n", wrap("  => "+d.Lesson, "     "))
	default:
		fmt.Fprintf(&b, "\n%s\n", wrap("  ! This was to be shown, and was not seen on this host: "+d.Lesson, "  "))
	}
	_, err := io.WriteString(w, b.String()+"\n")
	return err
}
