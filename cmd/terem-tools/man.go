package main

import (
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newMan is for whoever makes a package: it writes the manual pages. Their date is SOURCE_DATE_EPOCH if that is set.
func newMan() *cobra.Command {
	return &cobra.Command{
		Use:    "man directory",
		Short:  "Write the manual pages into a directory",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			root := c.Root()
			root.DisableAutoGenTag = true
			forManual(root)
			return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "terem", Manual: "terem"}, args[0])
		},
	}
}

// forManual shows tables as they are, and leaves out what the shells need.
func forManual(c *cobra.Command) {
	c.Long = literal(c.Long)
	for _, sub := range c.Commands() {
		if sub.Name() == "completion" {
			sub.Hidden = true
		}
		forManual(sub)
	}
}

// literal makes lines that are indented what Markdown shows as they are.
func literal(text string) string {
	var b strings.Builder
	within := false
	for line := range strings.Lines(text) {
		indented := strings.HasPrefix(line, "  ")
		if indented != within {
			b.WriteString("\n")
		}
		if within = indented; indented {
			b.WriteString("  ")
		}
		b.WriteString(line)
	}
	return b.String()
}
