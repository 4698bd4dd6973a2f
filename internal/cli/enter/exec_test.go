package enter

import (
	"os"
	"strings"
	"testing"

	"terem/internal/fault"
	"terem/internal/vm/agent"
	"terem/internal/vm/control"
)

// TestRunRefuses: what no guest takes is the user's mistake, and no machine is asked.
func TestRunRefuses(t *testing.T) {
	machine(t, control.Info{Agent: true}, "OK 5\n")
	for want, s := range map[string]agent.Start{
		"5000 words": {Argv: make([]string, 5000)},
		"32768":      {Argv: []string{"echo", strings.Repeat("x", 40000)}},
		"variables":  {Argv: []string{"env"}, Env: make([]string, 600)},
	} {
		_, err := Run(&Options{Name: "web", Start: s, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr})
		if err == nil || fault.Status(err) != fault.StatusUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, status %d; want %q, %d", err, fault.Status(err), want, fault.StatusUsage)
		}
	}
}
