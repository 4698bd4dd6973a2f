package machine

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"terem/devices/virtio/vsock"
	"terem/internal/kvmtest"
	"terem/memory"
)

// codeListens makes the serial port take input and interrupt, enables the power button,
// and halts.
var codeListens = code(out(memory.COM1Port+1, 0x0f), out(memory.COM1Port+4, 0x0b),
	out(memory.PM1EventPort+3, 0x01), out(0x80, 1), codeHalt)

// TestUseAfterClose calls whatever there is to call on machines that are closed. Their
// descriptors are other files' by then, which nobody may write to.
func TestUseAfterClose(t *testing.T) {
	kvmtest.Open(t)
	leakCheck(t)
	c := tinyConfig(codeListens)
	c.Memory, c.Balloon, c.CountExits = 64<<20, &Balloon{}, true
	c.Vsock = &vsock.Config{CID: vsock.MinCID}
	var files []*os.File
	var before int
	for range 3 {
		m, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		start(t, m)
		awaitHalt(t, m)
		before = openFiles(t)
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		for openFiles(t) < before+8 {
			f, err := os.CreateTemp(dir, "")
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		useAfterClose(t, m)
	}
	for _, f := range files {
		if st, err := f.Stat(); st.Size() != 0 || err != nil {
			t.Errorf("%s, descriptor %d, has %d bytes, %v: want none", f.Name(), f.Fd(), st.Size(), err)
		}
		f.Close()
	}
}

// awaitHalt waits until the guest has come to its end: it halts with interrupts off.
func awaitHalt(t *testing.T, m *Machine) {
	t.Helper()
	await(t, "the guest halts", m.halted)
}

func useAfterClose(t *testing.T, m *Machine) {
	t.Helper()
	for name, use := range map[string]func() error{
		"Send":        func() error { return m.Send([]byte("typed")) },
		"Pipe":        func() error { return m.Pipe(strings.NewReader("piped\n")) },
		"Feed":        func() error { return m.Feed(strings.NewReader("fed")) },
		"Break":       m.Break,
		"Listener":    m.AwaitListener,
		"GuestMemory": func() error { _, err := m.GuestMemory(context.Background()); return err },
		"Connect":     func() error { _, err := m.Connect(context.Background(), 1, nil); return err },
		"Resume":      m.Resume,
		"Start":       m.Start,
		"Report":      func() error { _, err := m.Report(); return err },
	} {
		if use() == nil {
			t.Errorf("%s on a closed machine: no error", name)
		}
	}
	m.Terminate(10*time.Second, 10*time.Second) // comes back at once
	m.board.pm.PressPowerButton()
	m.board.uart.Restore(m.board.uart.Save()) // pulses again what was pending
	m.virtio.slots = nil
	m.Kill()
	if err := m.Pause(); err != nil {
		t.Errorf("Pause: %v", err) // it stands still
	}
	if o := m.Wait(); o.Kind != Killed && o.Kind != Halted { // by Close, or by a look before it
		t.Errorf("it ended so: %v", o)
	}
}
