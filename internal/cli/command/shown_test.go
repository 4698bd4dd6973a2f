package command

import (
	"strings"
	"testing"
)

// TestShown has a file's name that would clear the screen.
func TestShown(t *testing.T) {
	if got := strings.Map(shown, "файл \x1b[2J\x00a\n\tb\u202e"); got != "файл ?[2J?a\n\tb?" {
		t.Errorf("%q", got)
	}
}
