package exercise

import (
	"errors"
	"strings"
	"testing"
)

// TestLinuxSeen tells a host that cannot boot a kernel from a student's mistake.
func TestLinuxSeen(t *testing.T) {
	want := []byte{1, 2, 3, 4, 5, 6, 7, 8}
	for _, tt := range []struct {
		name   string
		seen   linuxSeen
		notRun bool
		cause  string // of a mistake; "" if there is none
	}{
		{"it booted", linuxSeen{Result: want, Done: true, Last: "Run /init"}, false, ""},
		{"an instruction that KVM does not know", linuxSeen{Error: "exit 17: function not implemented", Last: "Linux version"}, true, ""},
		{"a slow host", linuxSeen{Late: true, Last: "Linux version"}, true, ""},
		{"the instruction is the first", linuxSeen{Error: "exit 17: function not implemented"}, false, "did not begin"},
		{"silence", linuxSeen{Late: true}, false, "did not say a word"},
		{"no initrd", linuxSeen{Error: "the machine was reset", Last: "Unable to mount root fs"}, false, "finds no initrd"},
		{"another program", linuxSeen{Result: want[1:], Done: true, Last: "Run /init"}, false, "another program"},
		{"another program, and late", linuxSeen{Result: want[1:], Late: true, Last: "Run /init"}, false, "another program"},
	} {
		err := tt.seen.judge(want)
		wrong, notRun := new(Wrong), new(NotRun)
		switch {
		case errors.As(err, &notRun) != tt.notRun:
			t.Errorf("%s: %v", tt.name, err)
		case errors.As(err, &wrong) != (tt.cause != "") || !strings.Contains(wrong.Cause, tt.cause):
			t.Errorf("%s: %v, cause %q", tt.name, err, wrong.Cause)
		}
	}
}
