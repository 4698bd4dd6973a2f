package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// completions tells the shells what the values of `terem run`'s flags can be.
func completions() map[string]cobra.CompletionFunc {
	return map[string]cobra.CompletionFunc{
		"append": words(), "cpus": words("1", "2", "4"), "cpu": words("host"), "memory": words("128M", "512M", "1G"),
		"timeout": words("30s", "5m"), "warm": words("ready", "program"), "exits": words("table", "json"), "payload": words("auto", "compressed", "decompressed"),
		"root": words("none", "/dev/vda", "/dev/vda1"), "rng": words("1M"), "balloon": words("64M"),
		"disk": completeDisk, "trace-only": words("io", "mmio", "debug", "wrmsr", "internal-error"), "gdb": words(":1234", "unix:"),
	}
}

// words completes one of a few words.
func words(words ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
}

// complete tells cobra how values of flags are completed.
func complete(c *cobra.Command, values map[string]cobra.CompletionFunc) {
	for name, f := range values {
		if err := c.RegisterFlagCompletionFunc(name, f); err != nil {
			panic(err) // a flag of that name is defined
		}
	}
}

// completeDisk completes a file, and after its comma the options.
func completeDisk(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	comma := strings.LastIndexByte(typed, ',')
	if comma < 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var found []string
	for _, option := range []string{"ro", "id=", "overlay=", "cache=writeback", "cache=writethrough", "cache=none"} {
		if strings.HasPrefix(option, typed[comma+1:]) {
			found = append(found, typed[:comma+1]+option)
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
