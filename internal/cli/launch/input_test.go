package launch

import (
	"os"
	"syscall"
	"testing"
	"time"

	"terem/internal/cli/tty"
	"terem/internal/cli/tty/ttytest"
)

// TestHelpKey: the guest is asked for its prompt again below the help.
func TestHelpKey(t *testing.T) {
	stderr := newSink(t)
	s := &session{o: &Options{Stderr: stderr.w}, voice: tty.NewVoice(stderr.w)}
	keys := tty.NewQueue()
	s.act(tty.Help, keys)
	keys.Close()
	s.voice.Close(t.Context())
	if got := stderr.close(); got != tty.HelpText {
		t.Errorf("the help is %q", got)
	}
	if k, ok := keys.Take(); string(k) != "\r" || !ok {
		t.Errorf("the guest gets %q", k)
	}
}

// TestStalledTerminal: terem's own lines hold up neither its keys nor its end, where the terminal takes nothing.
func TestStalledTerminal(t *testing.T) {
	_, terminal := ttytest.Open(t)
	for _, forced := range []bool{true, false} {
		s := &session{o: &Options{Stderr: terminal}, voice: tty.NewVoice(terminal), forced: make(chan struct{})}
		keys := tty.NewQueue()
		for range 1000 { // more than any terminal keeps
			s.act(tty.Help, keys)
		}
		keys.Close()
		heard := make(chan os.Signal, 1)
		if forced {
			s.because(StatusTimeout, "the timeout ran out")
		} else {
			heard <- syscall.SIGTERM
		}
		done := make(chan struct{})
		go func() {
			s.say("terem: ended\n")
			s.voice.Finish(s.forced, lastLine, heard)
			close(done)
		}()
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Fatalf("forced %v: it does not end", forced)
		}
	}
}
