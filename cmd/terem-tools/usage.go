package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageWidth is how wide help is at the most, in characters, and usageIndent where the
// explanation of a flag begins.
const (
	usageWidth  = 80
	usageIndent = 24
)

// placeholder is the annotation that holds the word for a flag's value.
const placeholder = "placeholder"

// namePlaceholders takes the word in backquotes out of each flag's explanation: the
// shells show that as it is when they complete a line.
func namePlaceholders(c *cobra.Command) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		name, usage := pflag.UnquoteUsage(f)
		f.Usage = usage
		if f.Value.Type() == "bool" {
			return
		}
		if f.Annotations == nil {
			f.Annotations = map[string][]string{}
		}
		f.Annotations[placeholder] = []string{name}
	})
	for _, sub := range c.Commands() {
		namePlaceholders(sub)
	}
}

// writeUsage is what follows a command's description in its help.
func writeUsage(c *cobra.Command) error {
	var b strings.Builder
	b.WriteString("Usage:\n")
	if c.Runnable() && (c.HasParent() || !c.HasSubCommands()) {
		fmt.Fprintf(&b, "  %s\n", c.UseLine())
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s [command]\n", c.CommandPath())
	}
	if c.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
	}
	if c.HasAvailableSubCommands() {
		b.WriteString("\nCommands:\n")
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				fmt.Fprintf(&b, "  %-*s %s\n", sub.NamePadding(), sub.Name(), sub.Short)
			}
		}
	}
	if c.HasAvailableLocalFlags() {
		b.WriteString("\nFlags:\n")
		c.LocalFlags().VisitAll(func(f *pflag.Flag) { writeFlag(&b, f) })
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n`%s [command] --help` says more about a command.\n", c.CommandPath())
	}
	_, err := io.WriteString(c.OutOrStderr(), b.String())
	return err
}

// writeFlag writes "  -m, --memory size      guest RAM ...".
func writeFlag(b *strings.Builder, f *pflag.Flag) {
	if f.Hidden {
		return
	}
	head := "      --" + f.Name
	if f.Shorthand != "" {
		head = "  -" + f.Shorthand + ", --" + f.Name
	}
	text := f.Usage
	if name := f.Annotations[placeholder]; len(name) > 0 && f.NoOptDefVal != "" {
		head += "[=" + name[0] + "]"
	} else if len(name) > 0 {
		head += " " + name[0]
	}
	switch f.DefValue {
	case "", "0", "0s", "false", "[]":
	default:
		text += " (default " + f.DefValue + ")"
	}
	if len(head) >= usageIndent {
		b.WriteString(head + "\n")
		head = ""
	}
	for _, line := range wrap(text, usageWidth-usageIndent) {
		fmt.Fprintf(b, "%-*s%s\n", usageIndent, head, line)
		head = ""
	}
}

// wrap breaks text between words; a word that is too long has a line of its own.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
