package machine

import (
	"context"
	"errors"
	"io"
	"syscall"
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
	case <-m.done:
		return ErrEnded
	case <-m.ctx.Done():
		return m.ctx.Err()
	}
}

// InputError is the error of an input, which ends it. The guest has been told of an end.
type InputError struct{ Err error }

func (e *InputError) Error() string { return "standard input: " + e.Err.Error() }
func (e *InputError) Unwrap() error { return e.Err }

// Pipe sends everything from r, and then the end-of-file character of a terminal: once
// at the start of a line, twice within one (termios(3), VEOF). The error is an
// *InputError, or what kept the guest from taking it.
func (m *Machine) Pipe(r io.Reader) error {
	const endOfFile = 0x04
	last := byte('\n')
	bad, err := each(r, func(p []byte) error {
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
	return ended(bad, m.Send(end))
}

// Feed is Pipe for the default guest's init, which listens (AwaitListener): every byte
// arrives as it is. Init says when it takes a chunk, so that the guest is never full of
// input that its program does not read, and hears what else it is told. The first chunk
// leaves the guest the time to start the program, which may not want it.
func (m *Machine) Feed(r io.Reader) error {
	buf := make([]byte, 0, 2*chunk)
	send, credit := m.board.uart.Receive, chunk
	bad, err := each(r, func(p []byte) error {
		for len(p) > 0 {
			if credit == 0 {
				var err error
				if credit, err = m.credit(); err != nil {
					return err
				}
			}
			n := min(len(p), credit)
			if err := m.tell(m.ctx, send, cmdline.AppendInput(buf, p[:n])); err != nil {
				return err
			}
			p, credit, send = p[n:], credit-n, m.board.uart.ReceiveInvited
		}
		return nil
	})
	if err != nil {
		return err
	}
	return ended(bad, m.command(m.ctx, cmdline.EndOfInput))
}

// credit waits until init has asked for input, and says for how many bytes.
func (m *Machine) credit() (int, error) {
	for {
		if n := m.asks.Swap(0); n > 0 {
			return int(n) * more, nil
		}
		select {
		case <-m.asked:
		case <-m.ctx.Done():
			return 0, context.Cause(m.ctx)
		}
	}
}

// ended is the error of an input that ended by bad, of which the guest was told with err.
func ended(bad, err error) error {
	if err == nil && bad != nil {
		return &InputError{bad}
	}
	return err
}

// heard notes that init takes input. The first time it takes a chunk, and then so much more.
func (m *Machine) heard() {
	first := false
	m.first.Do(func() {
		first = true
		close(m.listens)
	})
	if first {
		return
	}
	if m.asks.Add(1) > chunk/more {
		m.asks.Store(chunk / more) // it has no place for what it asks for
	}
	select {
	case m.asked <- struct{}{}:
	default:
	}
}

// command gives init one of its commands, for which it always has a place.
func (m *Machine) command(ctx context.Context, c string) error {
	return m.tell(ctx, m.board.uart.ReceiveInvited, []byte(c))
}

// tell sends init something that nothing else comes between.
func (m *Machine) tell(ctx context.Context, send func(context.Context, []byte) (int, error), p []byte) error {
	select {
	case m.mouth <- struct{}{}:
		defer func() { <-m.mouth }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	_, err := send(ctx, p)
	return err
}

// chunk is how much is read of an input at a time, in bytes, and what init takes of it ahead; more is what it takes each
// time that it asks (RELAY_CHUNK and RELAY_MORE in guest/init/src/init.h).
const chunk, more = 4096, 2048

// each calls f for what there is to read, as it comes, until the end of r, which may be an error. If f fails, that is
// the end, too.
func each(r io.Reader, f func([]byte) error) (bad, err error) {
	buf := make([]byte, chunk)
	for {
		n, bad := r.Read(buf)
		if n > 0 {
			if err := f(buf[:n]); err != nil {
				return nil, err
			}
		}
		switch {
		case errors.Is(bad, io.EOF):
			return nil, nil
		case bad != nil:
			return bad, nil
		}
	}
}

// Terminate asks the guest to end: by the ACPI power button if it listens to that, and
// by asking every process to end. It waits for grace, then asks once more without
// mercy, and waits for hard. A guest with disks that is still there then has its kernel
// make their file systems clean. The default guest's init is asked if it has made the
// console a pipe, or by the Asker if it listens to that, and else the kernel, by SysRq over the serial line. An init that has
// not come so far has started nothing and mounted no disk.
// One that is about to end, since its command has, is left that time to do so.
func (m *Machine) Terminate(grace, hard time.Duration) {
	asker, listens := m.conf.Asker, m.listening()
	if asker != nil {
		listens = asker.Listening()
	}
	switch {
	case m.ctx.Err() != nil:
		return
	case asker != nil && asker.Ended():
		m.await(grace)
		return
	case m.conf.Init && !listens:
		return
	}
	m.board.pm.PressPowerButton()
	ask := []func(context.Context){
		func(ctx context.Context) { m.sysRq(ctx, sysRqTerminate) },
		func(ctx context.Context) { m.sysRq(ctx, sysRqKill) },
	}
	switch {
	case listens && asker != nil:
		ask = []func(context.Context){
			func(ctx context.Context) { asker.Ask(ctx, syscall.SIGTERM) },
			func(ctx context.Context) { asker.Ask(ctx, syscall.SIGKILL) },
		}
	case listens:
		ask = []func(context.Context){
			func(ctx context.Context) { _ = m.command(ctx, cmdline.Terminate) }, // a deaf one is asked otherwise next
			func(ctx context.Context) { _ = m.command(ctx, cmdline.Kill) },
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
		grace = hard
	}
}

// await waits for the end, but no longer than that.
func (m *Machine) await(limit time.Duration) {
	select {
	case <-m.done:
	case <-m.ctx.Done():
	case <-time.After(limit):
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
