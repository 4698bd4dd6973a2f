package tty

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/cli/tty/ttytest"
)

func TestVoice(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	NewVoice(w).Close(t.Context()) // which has said nothing
	v := NewVoice(w)
	want := ""
	for i := range 10 {
		v.Say(fmt.Sprintln(i))
		want += fmt.Sprintln(i)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	v.Close(over) // nothing hinders it
	v.Say("late")
	v.Close(t.Context())
	w.Close()
	if got, err := io.ReadAll(r); err != nil || string(got) != want {
		t.Errorf("it said %q, %v", got, err)
	}
}

// TestVoiceStalled: nobody reads the terminal, and saying goes on all the same; more than can be kept is dropped.
func TestVoiceStalled(t *testing.T) {
	for _, how := range []string{"a terminal", "a file that cannot be opened again"} {
		_, terminal := ttytest.Open(t)
		f := terminal
		if how != "a terminal" {
			pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(pair[1])
			f = os.NewFile(uintptr(pair[0]), "socket")
			defer f.Close()
		}
		v := NewVoice(f)
		for range 2 * untold {
			v.Say(strings.Repeat("x", 10_000))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		v.Close(ctx)
		if ctx.Err() == nil {
			t.Errorf("%s: all is said", how)
		}
		cancel()
		select {
		case <-v.done:
		case <-time.After(20 * time.Second):
			t.Errorf("%s: it goes on to write", how)
		}
	}
}
