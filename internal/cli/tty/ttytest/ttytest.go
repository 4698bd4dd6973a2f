// Package ttytest gives tests a pseudo-terminal and somebody who types at it and reads what it shows.
package ttytest

import (
	"os"
	"strings"
	"testing"
	"time"

	"terem/internal/cli/tty/pty"

	"golang.org/x/sys/unix"
)

// Rows and Cols are the size of a terminal that Open makes.
const Rows, Cols = 33, 99

// patience is how long a User waits for a text.
const patience = 60 * time.Second

// Open makes a terminal: what is written to keyboard is typed at it, and what it shows is read there. Both are closed when
// the test ends.
func Open(t testing.TB) (keyboard, terminal *os.File) {
	t.Helper()
	keyboard, terminal, err := pty.Open()
	if err != nil {
		t.Skipf("needs a pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { keyboard.Close() })
	t.Cleanup(func() { terminal.Close() })
	Resize(t, keyboard, Rows, Cols)
	return keyboard, terminal
}

// Resize gives a terminal another size.
func Resize(t testing.TB, keyboard *os.File, rows, cols uint16) {
	t.Helper()
	err := pty.Control(keyboard, func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: cols})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// User types at a terminal and reads what it shows.
type User struct {
	t        testing.TB
	keyboard *os.File
	shown    chan string
	all      strings.Builder
}

// NewUser makes somebody who reads all that the terminal of keyboard shows, from now on.
func NewUser(t testing.TB, keyboard *os.File) *User {
	u := &User{t: t, keyboard: keyboard, shown: make(chan string, 100)}
	go func() {
		for buf := make([]byte, 4096); ; {
			n, err := keyboard.Read(buf)
			if err != nil {
				close(u.shown)
				return
			}
			u.shown <- string(buf[:n])
		}
	}()
	return u
}

// Type types.
func (u *User) Type(text string) {
	u.t.Helper()
	if _, err := u.keyboard.WriteString(text); err != nil {
		u.t.Fatal(err)
	}
}

// Expect waits until the terminal has shown a text, forgets all up to its end, and returns what came before it.
func (u *User) Expect(text string) string {
	u.t.Helper()
	timeout := time.After(patience)
	for !strings.Contains(u.all.String(), text) {
		select {
		case s, open := <-u.shown:
			if !open {
				u.t.Fatalf("the terminal showed %q and was closed, without %q", u.all.String(), text)
			}
			u.all.WriteString(s)
		case <-timeout:
			u.t.Fatalf("the terminal shows %q, not %q", u.all.String(), text)
		}
	}
	before, rest, _ := strings.Cut(u.all.String(), text)
	u.all.Reset()
	u.all.WriteString(rest)
	return before
}

// Rest returns what the terminal showed that Expect has not taken, until it shows nothing for the time of quiet.
func (u *User) Rest(quiet time.Duration) string {
	for {
		select {
		case s, open := <-u.shown:
			if !open {
				return u.all.String()
			}
			u.all.WriteString(s)
		case <-time.After(quiet):
			return u.all.String()
		}
	}
}
