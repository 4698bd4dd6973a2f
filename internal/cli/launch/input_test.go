package launch

import (
	"testing"

	"terem/internal/cli/tty"
)

// TestHelpKey: the guest is asked for its prompt again below the help.
func TestHelpKey(t *testing.T) {
	stderr := newSink(t)
	s := &session{o: &Options{Stderr: stderr.w}}
	keys := tty.NewQueue()
	s.act(tty.Help, keys)
	keys.Close()
	if got := stderr.close(); got != tty.HelpText {
		t.Errorf("the help is %q", got)
	}
	if k, ok := keys.Take(); string(k) != "\r" || !ok {
		t.Errorf("the guest gets %q", k)
	}
}
