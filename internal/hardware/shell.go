package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"terem/internal/cli/tty"
	"terem/internal/cli/tty/pty"
	"terem/internal/hardware/wire"
)

// shell gives the user's terminal to a shell in the outer system. Ctrl-A x ends it from outside.
func (o outer) shell(ctx context.Context, tmp string) error {
	if !tty.IsTerminal(os.Stdin) || !tty.IsTerminal(os.Stdout) {
		return fmt.Errorf("a shell wants a terminal: standard input and output are not one")
	}
	cols, rows := tty.Size(os.Stdout)
	m, _, err := o.machine(tmp, wire.Plan{Shell: true, Rows: uint16(rows), Columns: uint16(cols)})
	if err != nil {
		return err
	}
	master, slave, err := pty.Open()
	if err != nil {
		return err
	}
	defer master.Close()
	defer slave.Close() // kept open here: the emulator may open it late
	m.console, m.terminal = slave.Name(), true
	m.words += " loglevel=3"         // what KVM has to say of a guest would stand between the lines of the screen
	quiet, err := tty.MakeRaw(slave) // no echo, no line ends of its own
	if err != nil {
		return err
	}
	defer quiet.Restore()
	fmt.Fprintf(os.Stderr, "hardware: %s, Linux %s: the shell comes in about %v; `exit` powers off, Ctrl-A x ends at once (Ctrl-A Ctrl-A x reaches a terem inside)\n",
		o.backend.title, o.kernel.Release, o.backend.boot.Round(time.Second))
	c, err := o.backend.start(m)
	if err != nil {
		return err
	}
	raw, err := tty.MakeRaw(os.Stdin)
	if err != nil {
		return err
	}
	defer raw.Restore()
	quit := make(chan struct{})
	screen := &panicWatch{to: os.Stdout}
	go func() { _, _ = io.Copy(screen, master) }() // until it is closed
	go typed(master, quit)
	ended := make(chan struct{})
	go func() { _ = c.Wait(); close(ended) }() // a shell's end has no status
	select {
	case <-ended:
		if screen.panicked.Load() {
			return errors.New("the outer system's kernel panicked: see docs/hardware.md on what the emulators cannot do")
		}
		return nil
	case <-quit:
	case <-ctx.Done():
	}
	_ = c.Process.Kill() // it may have ended in this moment
	<-ended
	return nil
}

// panicWatch passes the screen on, and notes a kernel's panic: the emulator ends then as after a power off.
type panicWatch struct {
	to       io.Writer
	panicked atomic.Bool
	tail     []byte // what may be the begin of the words
}

func (w *panicWatch) Write(p []byte) (int, error) {
	const words = "Kernel panic - not syncing"
	w.tail = append(w.tail, p...)
	if bytes.Contains(w.tail, []byte(words)) {
		w.panicked.Store(true)
	}
	w.tail = bytes.Clone(w.tail[max(0, len(w.tail)-len(words)):])
	return w.to.Write(p)
}

// typed sends keys inside until Ctrl-A x.
func typed(to io.Writer, quit chan<- struct{}) {
	var keys tty.Escape
	b := make([]byte, 256)
	for {
		n, err := os.Stdin.Read(b)
		if err != nil {
			return
		}
		for in := b[:n]; len(in) > 0; {
			send, action, rest := keys.Next(in)
			if _, err := to.Write(send); err != nil {
				return
			}
			if action == tty.Quit {
				close(quit)
				return
			}
			in = rest
		}
	}
}
