package launch

import (
	"testing"

	"terem/internal/cli/tty"
)

// TestHelpKey: the guest is asked for its prompt again below the help.
func TestHelpKey(t *testing.T) {
	stderr := newSink(t)
	s := &session{o: &Options{Stderr: stderr.w}}
	keys := make(chan []byte, 1)
	s.act(tty.Help, keys)
	if got := stderr.close(); got != tty.HelpText {
		t.Errorf("the help is %q", got)
	}
	select {
	case k := <-keys:
		if string(k) != "\r" {
			t.Errorf("the guest gets %q", k)
		}
	default:
		t.Error("the guest gets nothing")
	}
}
