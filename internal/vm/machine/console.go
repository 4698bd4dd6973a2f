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

// Pipe sends everything from r, and then the end-of-file character of a terminal: once
// at the start of a line, twice within one (termios(3), VEOF).
func (m *Machine) Pipe(r io.Reader) error {
	const endOfFile = 0x04
	last := byte('\n')
	err := each(r, func(p []byte) error {
		last = p[len(p)-1]
		return m.Send(p)
	})
	if err != nil {
		return err
	}
	end := []byte{endOfFile}
	if last != '\n' {
		end = append(end, endOfFile)
	}
	return m.Send(end)
}

// Feed is Pipe for the default guest's init, which listens (AwaitListener): every byte
// arrives as it is.
func (m *Machine) Feed(r io.Reader) error {
	buf := make([]byte, 0, 2*chunk)
	err := each(r, func(p []byte) error { return m.tell(m.ctx, cmdline.AppendInput(buf, p)) })
	if err != nil {
		return err
	}
	return m.tell(m.ctx, []byte(cmdline.EndOfInput))
}

// tell sends init words that nothing else comes between.
func (m *Machine) tell(ctx context.Context, p []byte) error {
	select {
	case m.mouth <- struct{}{}:
		defer func() { <-m.mouth }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	_, err := m.board.uart.Receive(ctx, p)
	return err
}

// chunk is how much is read of an input at a time, in bytes.
const chunk = 4096

// each calls f for what there is to read, as it comes, until the end of r.
func each(r io.Reader, f func([]byte) error) error {
	buf := make([]byte, chunk)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if err := f(buf[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Terminate asks the guest to end: by the ACPI power button if it listens to that, and
// by asking every process to end. It waits for grace, then asks once more without
// mercy, and waits again. A guest with disks that is still there then has its kernel
// make their file systems clean. The default guest's init is asked if it has made the
// console a pipe, and else the kernel, by SysRq over the serial line. An init that has
// not come so far has started nothing and mounted no disk.
func (m *Machine) Terminate(grace time.Duration) {
	listens := m.listening()
	if m.conf.Init && !listens || m.ctx.Err() != nil {
		return
	}
	m.board.pm.PressPowerButton()
	ask := []func(context.Context){
		func(ctx context.Context) { m.sysRq(ctx, sysRqTerminate) },
		func(ctx context.Context) { m.sysRq(ctx, sysRqKill) },
	}
	if listens {
		ask = []func(context.Context){
			func(ctx context.Context) { _ = m.tell(ctx, []byte(cmdline.Terminate)) }, // a deaf one is asked otherwise next
			func(ctx context.Context) { _ = m.tell(ctx, []byte(cmdline.Kill)) },
		}
	}
	if m.disks > 0 {
		ask = append(ask, func(ctx context.Context) { m.sysRq(ctx, sysRqUnmount) })
	}
	for _, f := range ask {
		ctx, cancel := context.WithTimeout(m.ctx, grace)
		f(ctx)
		select {
		case <-m.done:
		case <-ctx.Done():
		}
		cancel()
	}
}

// listening says whether the default guest's init has made the console a pipe.
func (m *Machine) listening() bool {
	select {
	case <-m.listens:
		return true
	default:
		return false
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
