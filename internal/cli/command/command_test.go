package command

import (
	"testing"

	"github.com/spf13/pflag"
)

func TestCommandAfterDash(t *testing.T) {
	for _, tt := range []struct {
		line []string
		ok   bool
	}{
		{nil, true},
		{[]string{"--"}, true},
		{[]string{"--", "ls", "-l"}, true},
		{[]string{"--", "--", "x"}, true},
		{[]string{"ls"}, false},
		{[]string{"ls", "--"}, false},
		{[]string{"ls", "--", "-l"}, false},
	} {
		fs := pflag.NewFlagSet("run", pflag.ContinueOnError)
		if err := fs.Parse(tt.line); err != nil {
			t.Fatal(err)
		}
		if err := CommandAfterDash(fs); (err == nil) != tt.ok {
			t.Errorf("%q: %v", tt.line, err)
		}
	}
}
