package tty

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"

	"golang.org/x/term"
)

// IsTerminal says whether f is a terminal.
func IsTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// Size is the terminal's size in characters; zeros if f is none.
func Size(f *os.File) (cols, rows int) {
	cols, rows, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0, 0
	}
	return cols, rows
}

// Raw is a terminal in raw mode.
type Raw struct {
	f     *os.File
	saved *term.State
	guard *guard

	mu       sync.Mutex
	restored bool
}

// MakeRaw puts the terminal into raw mode. Restore must be called; if the process
// dies before it can, even by SIGKILL, a guard restores the terminal.
func MakeRaw(f *os.File) (*Raw, error) {
	g := startGuard(f)
	saved, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		g.dismiss()
		return nil, err
	}
	return &Raw{f: f, saved: saved, guard: g}, nil
}

// Again puts the terminal into raw mode once more: a shell sets a terminal as it likes
// it while a stopped process waits. After Restore it does nothing.
func (r *Raw) Again() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.restored {
		return nil
	}
	_, err := term.MakeRaw(int(r.f.Fd()))
	return err
}

// Restore gives the terminal back as it was. The guard goes first: it must not
// touch the terminal after the user's shell has it again.
func (r *Raw) Restore() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.restored = true
	r.guard.dismiss()
	return term.Restore(int(r.f.Fd()), r.saved)
}

// guard is a shell that waits until terem is gone, which it sees by the end of its
// input, and then restores the terminal.
type guard struct {
	cmd   *exec.Cmd
	alive *os.File // our end of its input: closes when this process ends
}

// startGuard returns nil if the host has no sh or stty: Restore works without.
func startGuard(f *os.File) *guard {
	stty := exec.Command("stty", "-g")
	stty.Stdin = f
	saved, err := stty.Output()
	if err != nil {
		return nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil
	}
	defer r.Close()
	const script = `trap "" INT TERM HUP QUIT TTOU; read gone <&3; exec stty "$1"`
	cmd := exec.Command("sh", "-c", script, "sh", strings.TrimSpace(string(saved)))
	cmd.Stdin, cmd.ExtraFiles = f, []*os.File{r}
	if cmd.Start() != nil {
		w.Close()
		return nil
	}
	return &guard{cmd, w}
}

func (g *guard) dismiss() {
	if g == nil {
		return
	}
	err := g.cmd.Process.Kill()
	if err == nil || errors.Is(err, os.ErrProcessDone) {
		_ = g.cmd.Wait() // it was killed: its status says only that
	}
	g.alive.Close()
}
