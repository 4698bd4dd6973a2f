package show

import (
	"fmt"
	"io"
	"strings"

	"terem/internal/lab/mechanism"
	"terem/internal/lab/result"
)

// Explain writes a row in words: what is done, what is seen, and what decides it in each place.
func Explain(w io.Writer, x result.Row, columns []result.Column) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)\n\n%s\n", x.Title, x.Name, wrap(x.Question, ""))
	fmt.Fprintf(&b, "\n%s", field("The attacker", x.AttackDoes))
	fmt.Fprintf(&b, "%s", field("The victim sees", x.VictimSees))
	fmt.Fprintf(&b, "%s", field("It runs on", place(x)))
	b.WriteString("\nThe victim's script:\n\n" + indent(x.Victim))
	b.WriteString("\nThe attacker's script:\n\n" + indent(x.Attack))
	b.WriteString("\nWhat decides it:\n")
	for _, c := range columns {
		e := mechanism.Of(x.Name, c.Name)
		fmt.Fprintf(&b, "\n%s\n", wrap(fmt.Sprintf("%s: %s. %s.", c.Title, e.Verdict, upper(e.Decides)), "  "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// place says where a row runs.
func place(x result.Row) string {
	if star(x) == "" {
		return x.Where
	}
	return x.Where + ", since it harms the whole machine; the VM column has two machines of its own"
}

func field(name, text string) string {
	const width = 17
	return wrap(fmt.Sprintf("%-*s%s", width, name, text), strings.Repeat(" ", width)) + "\n"
}

// wrap breaks a text into lines of at most 80 characters, the second and those after it indented.
func wrap(text, indent string) string {
	const width = 80
	var lines []string
	for len(text) > width {
		cut := strings.LastIndexByte(text[:width+1], ' ')
		if cut <= len(indent) {
			break
		}
		lines = append(lines, strings.TrimRight(text[:cut], " "))
		text = indent + text[cut+1:]
	}
	return strings.Join(append(lines, text), "\n")
}

func indent(script string) string {
	var b strings.Builder
	for line := range strings.Lines(script) {
		b.WriteString("    " + line)
	}
	return b.String()
}

// upper begins a sentence.
func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
