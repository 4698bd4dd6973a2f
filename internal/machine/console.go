package machine

import (
	"context"
	"errors"
	"io"
	"time"

	"terem/guest/cmdline"
)

// Send types p on the guest's serial port. It waits while the guest does not read.
func (m *Machine) Send(p []byte) error {
	_, err := m.board.uart.Receive(m.ctx, p)
	return err
}

// AwaitListener waits until the default guest's init has made the console a pipe:
// what comes earlier would be echoed and cooked.
func (m *Machine) AwaitListener() error {
	select {
	case <-m.listens:
		return nil
	case <-m.ctx.Done():
		return m.ctx.Err()
	}
}

// Pipe sends everything from r, and then the guest's end-of-input character: once
// at the start of a line, twice within one (termios(3), VEOF).
func (m *Machine) Pipe(r io.Reader) error {
	buf := make([]byte, 4096)
	last := byte('\n')
	for {
		n, err := r.Read(buf)
		if n > 0 {
			last = buf[n-1]
			if err := m.Send(buf[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	end := []byte{cmdline.EndOfInput}
	if last != '\n' {
		end = append(end, cmdline.EndOfInput)
	}
	return m.Send(end)
}

// Terminate asks the guest to end: by the ACPI power button if it listens to that,
// and by the kernel's SysRq over the serial line, which asks every process to end.
// It waits for grace, then asks once more without mercy, and waits again. A guest with
// disks that is still there then has its kernel make their file systems clean.
func (m *Machine) Terminate(grace time.Duration) {
	m.board.pm.PressPowerButton()
	keys := []byte{sysRqTerminate, sysRqKill}
	if m.disks > 0 {
		keys = append(keys, sysRqUnmount)
	}
	for _, key := range keys {
		ctx, cancel := context.WithTimeout(m.ctx, grace)
		m.sysRq(ctx, key)
		select {
		case <-m.done:
		case <-ctx.Done():
		}
		cancel()
	}
}

// Keys of Linux's SysRq (Documentation/admin-guide/sysrq.rst).
const (
	sysRqTerminate = 'e' // SIGTERM to all processes but init
	sysRqKill      = 'i' // SIGKILL likewise
	sysRqUnmount   = 'u' // write everything back and mount all file systems read-only
)

// sysRq sends a break and a key. A guest that does not listen loses nothing.
func (m *Machine) sysRq(ctx context.Context, key byte) {
	if m.board.uart.SendBreak(ctx) == nil {
		_, _ = m.board.uart.Receive(ctx, []byte{key})
	}
}

// Break sends a break: a SysRq key may follow.
func (m *Machine) Break() error { return m.board.uart.SendBreak(m.ctx) }
