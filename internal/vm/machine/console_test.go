package machine

import (
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"terem/devices/virtio/blk"
	"terem/guest/cmdline"
	"terem/memory"
)

// codeInput makes the serial port take input: DTR, RTS and OUT2 in its modem control register.
var codeInput = out(memory.COM1Port+4, 0x0b)

// codeEcho sends back what it gets.
var codeEcho = code(codeInput, []byte{
	// 1: mov dx, 0x3fd; 2: in al, dx; test al, 1; jz 2b; mov dx, 0x3f8; in al, dx; out dx, al; jmp 1b
	0x66, 0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xfb, 0x66, 0xba, 0xf8, 0x03, 0xec, 0xee, 0xeb, 0xef,
})

func TestTypedInputReachesGuest(t *testing.T) {
	m := newTiny(t, tinyConfig(code(codeInput, []byte{
		// mov dx, 0x3fd; 1: in al, dx; test al, 1; jz 1b
		0x66, 0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xfb,
		// mov dx, 0x3f8; in al, dx; mov dx, 0x5f8; out dx, al; cli; hlt
		0x66, 0xba, 0xf8, 0x03, 0xec, 0x66, 0xba, 0xf8, 0x05, 0xee, 0xfa, 0xf4,
	})))
	start(t, m)
	sent := make(chan error, 1)
	go func() { sent <- m.Send([]byte{42}) }()
	if o := waitFor(t, m); o.Kind != Exited || o.Status != 42 {
		t.Errorf("it ended so: %v; want the byte that was typed", o)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// echoes is a machine that runs and sends back what it is sent, and its console.
func echoes(t *testing.T) (*Machine, *console) {
	t.Helper()
	con := new(console)
	c := tinyConfig(codeEcho)
	c.Out = con
	m := newTiny(t, c)
	start(t, m)
	return m, con
}

// TestPipeEndsInput: a terminal's end-of-file character ends an input at the start of a line alone; within
// one, the first only hands over the line.
func TestPipeEndsInput(t *testing.T) {
	m, con := echoes(t)
	want := ""
	for _, tt := range []struct{ in, end string }{{"line\n", "\x04"}, {"word", "\x04\x04"}, {"\n\n", "\x04"}, {"", "\x04"}} {
		if err := m.Pipe(strings.NewReader(tt.in)); err != nil {
			t.Fatal(err)
		}
		want += tt.in + tt.end
	}
	await(t, "the echo", func() bool { return len(con.String()) >= len(want) })
	if got := con.String(); got != want {
		t.Errorf("the guest got %q, want %q", got, want)
	}
}

// TestFeed tells init one piece after the other, and then that there is no more.
func TestFeed(t *testing.T) {
	m, con := echoes(t)
	in := []byte("a\x04\n\xff")
	fed := make(chan error, 1)
	go func() { fed <- m.Feed(iotest.OneByteReader(strings.NewReader(string(in)))) }()
	select {
	case err := <-fed:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("init was not told all within 30 seconds")
	}
	want := string(cmdline.AppendInput(nil, in)) + cmdline.EndOfInput
	await(t, "the echo", func() bool { return len(con.String()) >= len(want) })
	if got := con.String(); got != want {
		t.Errorf("the guest got %q, want %q", got, want)
	}
}

// TestFeedWaits: init gets a chunk, and then as much as it asks for; a command does not wait behind that.
func TestFeedWaits(t *testing.T) {
	m, con := echoes(t)
	fed := make(chan error, 1)
	go func() { fed <- m.Feed(strings.NewReader(strings.Repeat("x", chunk+3*more))) }()
	m.heard()
	want := chunk
	expect := func(more string) {
		t.Helper()
		want += len(more)
		await(t, "the echo", func() bool { return len(con.String()) >= want })
		time.Sleep(20 * time.Millisecond) // what comes unasked comes at once
		if got := con.String(); len(got) != want || !strings.HasSuffix(got, more) {
			t.Fatalf("the guest got %d bytes, want %d with %q at the end", len(got), want, more)
		}
	}
	expect("")
	if err := m.command(t.Context(), cmdline.Terminate); err != nil {
		t.Fatal(err)
	}
	expect(cmdline.Terminate)
	m.heard()
	expect(strings.Repeat("x", more))
	for range 100 { // a guest that asks for more than it can take gets what that may be
		m.heard()
	}
	expect(strings.Repeat("x", 2*more) + cmdline.EndOfInput)
	if err := <-fed; err != nil {
		t.Error(err)
	}
}

// broken is an input that has an error in it.
type broken struct{ text string }

func (b *broken) Read(p []byte) (n int, err error) {
	if b.text == "" {
		return 0, syscall.EIO
	}
	n = copy(p, b.text)
	b.text = b.text[n:]
	return n, nil
}

// TestInputError: an error ends an input, for the guest as well.
func TestInputError(t *testing.T) {
	m, con := echoes(t)
	want := ""
	for end, send := range map[string]func(io.Reader) error{"\x04": m.Pipe, cmdline.EndOfInput: m.Feed} {
		var bad *InputError
		if err := send(&broken{"line\n"}); !errors.As(err, &bad) || !errors.Is(err, syscall.EIO) {
			t.Errorf("the error is %v", err)
		}
		want += "line\n" + end
	}
	await(t, "the echo", func() bool { return len(con.String()) >= len(want) })
	if got := con.String(); got != want {
		t.Errorf("the guest got %q, want %q", got, want)
	}
}

// TestTerminateCleansDisks: a guest with disks that does not heed the first two requests is asked to leave
// its file systems clean, and one without is not.
func TestTerminateCleansDisks(t *testing.T) {
	// 1: mov dx, 0x3fd; 2: in al, dx; test al, 1; jz 2b; mov dx, 0x3f8; in al, dx; cmp al, 'u'; jne 1b;
	// mov dx, 0x5f8; out dx, al; cli; hlt
	onlyUnmount := code(codeInput, []byte{0x66, 0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xfb, 0x66, 0xba, 0xf8, 0x03, 0xec,
		0x3c, sysRqUnmount, 0x75, 0xee, 0x66, 0xba, 0xf8, 0x05, 0xee, 0xfa, 0xf4})
	const grace = 50 * time.Millisecond
	for disks, want := range map[int]Outcome{0: {Kind: Killed}, 1: {Kind: Exited, Status: sysRqUnmount}} {
		c := tinyConfig(onlyUnmount)
		for range disks {
			c.Disks = append(c.Disks, blk.Config{Backend: blank{}})
		}
		m := newTiny(t, c)
		start(t, m)
		m.Terminate(grace, grace)
		if disks == 0 {
			m.Kill()
		}
		if o := waitFor(t, m); o != want {
			t.Errorf("%d disks: it ended so: %v; want %v", disks, o, want)
		}
	}
}

// TestSilentAfterTheEnd: a guest that has ended itself goes on for a while, and nobody hears it.
func TestSilentAfterTheEnd(t *testing.T) {
	var con console
	c := tinyConfig(code(say("before"), out(0x5f8, 7), say("after"), codeHalt))
	c.Out = &con
	m := newTiny(t, c)
	start(t, m)
	if o := waitFor(t, m); o.Kind != Exited || o.Status != 7 {
		t.Errorf("it ended so: %v", o)
	}
	awaitHalt(t, m)
	if con.String() != "before" {
		t.Errorf("the console says %q", con.String())
	}
}
