package grade

import (
	"strings"
	"unicode"
)

// printable is text of a student's as a terminal may show it: one line, no control characters, not too long.
func printable(s string) string {
	const most = 600
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			b.WriteByte(' ')
		case !unicode.IsPrint(r):
			b.WriteByte('?')
		default:
			b.WriteRune(r)
		}
		if b.Len() > most {
			return b.String() + "..."
		}
	}
	return strings.TrimSpace(b.String())
}

// lastWords is what a program printed first that tells why it ended: the Go runtime's line, or else the first line.
func lastWords(said string) string {
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "fatal error:") || strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "runtime:") || strings.HasPrefix(line, "grader:") {
			return printable(line)
		}
	}
	first, _, _ := strings.Cut(said, "\n")
	return printable(first)
}
