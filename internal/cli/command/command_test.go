package command

import (
	"slices"
	"testing"

	"github.com/spf13/pflag"
)

// TestCommand: the first word that is no flag is the command, and all that follows belongs to it, for machines and
// containers alike; "--" is needed only for a command that begins with a dash.
func TestCommand(t *testing.T) {
	for _, tt := range []struct{ line, want []string }{
		{nil, nil},
		{[]string{"--"}, nil},
		{[]string{"--", "ls", "-l"}, []string{"ls", "-l"}},
		{[]string{"--", "--", "x"}, []string{"--", "x"}},
		{[]string{"ls"}, []string{"ls"}},
		{[]string{"uname", "-a"}, []string{"uname", "-a"}},
		{[]string{"-q", "ls", "--", "--memory", "x"}, []string{"ls", "--", "--memory", "x"}},
		{[]string{"--memory", "64M", "ls", "--quiet"}, []string{"ls", "--quiet"}},
		{[]string{"4M"}, []string{"4M"}},
	} {
		for name, define := range map[string]func(*pflag.FlagSet){runPath: new(Run).Define, containerPath: new(Container).Define} {
			fs := pflag.NewFlagSet(name, pflag.ContinueOnError)
			define(fs)
			if err := fs.Parse(tt.line); err != nil || !slices.Equal(fs.Args(), tt.want) {
				t.Errorf("%s %q: %q, %v; want %q", name, tt.line, fs.Args(), err, tt.want)
			}
			if name == runPath {
				if err := noValue(fs, "rng", "balloon", "exits"); err != nil {
					t.Errorf("%q: %v", tt.line, err)
				}
			}
		}
	}
}
