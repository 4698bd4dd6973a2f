package launch

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	device "terem/devices/virtio/vsock"
	"terem/internal/cli/tty"
	"terem/internal/vm/agent"
)

// caller is a guest whose PID 1 has called, and the user's ends.
type caller struct {
	s         *session
	guest     device.Stream
	out, errs *sink
	dial      func(uint32) (device.Stream, error)
}

func newCaller(t *testing.T, stdin *os.File) *caller {
	t.Helper()
	c := &caller{out: newSink(t), errs: newSink(t)}
	c.s = &session{o: &Options{Stdin: stdin, Stdout: c.out.w, Stderr: c.errs.w}, voice: tty.NewVoice(c.errs.w), forced: make(chan struct{})}
	c.s.streams = newStreams(c.s)
	c.dial = c.s.streams.first(nil)
	if err := c.s.streams.open(); err != nil {
		t.Fatal(err)
	}
	if c.s.streams.Listening() {
		t.Error("it listens before the guest has called")
	}
	var err error
	if c.guest, err = c.dial(agent.Port); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.guest.Close() })
	return c
}

func (c *caller) say(t *testing.T, frames string) {
	t.Helper()
	if _, err := io.WriteString(c.guest, frames); err != nil {
		t.Fatal(err)
	}
}

const (
	saysStarted = "\x14\x04\x00\x00\x00\x07\x00\x00\x00"
	saysExit    = "\x12\x02\x00\x00\x00\x00\x05"
)

// TestStreams: the two outputs stay apart, the input arrives, and the guest is called off when it has said all.
func TestStreams(t *testing.T) {
	stdin, w := pipe(t)
	io.WriteString(w, "in")
	w.Close()
	c := newCaller(t, stdin)
	if _, err := c.dial(agent.Port); !errors.Is(err, errNobody) {
		t.Errorf("a second call: %v", err)
	}
	c.say(t, saysStarted+"\x10\x04\x00\x00\x00out\n\x11\x04\x00\x00\x00err\n")
	const input = "\x02\x02\x00\x00\x00in\x03\x00\x00\x00\x00"
	heard := make([]byte, len(input))
	if _, err := io.ReadFull(c.guest, heard); err != nil || string(heard) != input {
		t.Errorf("the guest heard %q, %v", heard, err)
	}
	if !c.s.streams.Listening() {
		t.Error("it does not listen")
	}
	go c.s.streams.Ask(context.Background(), syscall.SIGTERM)
	const ask = "\x06\x01\x00\x00\x00\x0f"
	heard = make([]byte, len(ask))
	if _, err := io.ReadFull(c.guest, heard); err != nil || string(heard) != ask {
		t.Errorf("then it heard %q, %v", heard, err)
	}
	c.say(t, saysExit)
	c.s.streams.collect(nil, nil)
	if n, err := c.guest.Read(heard); !errors.Is(err, io.EOF) {
		t.Errorf("%d bytes, %v: want the end", n, err)
	}
	c.s.streams.await()
	if c.s.streams.Listening() {
		t.Error("it listens behind the end")
	}
	c.s.streams.close()
	if out, errs := c.out.close(), c.errs.close(); out != "out\n" || errs != "err\n" {
		t.Errorf("output %q, errors %q", out, errs)
	}
}

// TestStreamsCutOff: a machine that ends without a word of its command's end is waited for as long as it says something.
func TestStreamsCutOff(t *testing.T) {
	stdin, _ := pipe(t)
	c := newCaller(t, stdin)
	c.say(t, saysStarted+"\x10\x04\x00\x00\x00out\n")
	c.s.streams.collect(nil, nil)
	c.guest.Close() // as the machine does
	c.s.streams.await()
	c.s.streams.close()
	if out := c.out.close(); out != "out\n" {
		t.Errorf("output %q", out)
	}
}

// TestStreamsSlowReader: who reads late gets all; but a signal ends the wait.
func TestStreamsSlowReader(t *testing.T) {
	stdin, _ := pipe(t)
	r, w := pipe(t)
	c := &caller{s: &session{o: &Options{Stdin: stdin, Stdout: w, Stderr: w}, voice: tty.NewVoice(w), forced: make(chan struct{})}}
	c.s.streams = newStreams(c.s)
	c.dial = c.s.streams.first(nil)
	if err := c.s.streams.open(); err != nil {
		t.Fatal(err)
	}
	defer c.s.streams.close()
	var err error
	if c.guest, err = c.dial(agent.Port); err != nil {
		t.Fatal(err)
	}
	go func() {
		big := make([]byte, 32768)
		io.WriteString(c.guest, saysStarted)
		for range 8 { // more than a pipe holds
			io.WriteString(c.guest, "\x10\x00\x80\x00\x00"+string(big))
		}
		io.WriteString(c.guest, saysExit)
	}()
	done, heard := make(chan struct{}), make(chan os.Signal, 1)
	go func() {
		c.s.streams.collect(heard, nil)
		close(done)
	}()
	select {
	case <-done:
		t.Fatal("nobody has read yet")
	case <-time.After(3 * silence):
	}
	if _, err := io.ReadFull(r, make([]byte, 100000)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-done:
		t.Fatal("not all is read")
	case <-time.After(3 * silence):
	}
	heard <- syscall.SIGINT
	<-done
	if c.s.status != 130 {
		t.Errorf("status %d", c.s.status)
	}
	c.s.streams.stop()
	c.guest.Close()
	c.s.streams.await()
}

// TestStreamsNonsense: a guest that does not speak as it should is found out.
func TestStreamsNonsense(t *testing.T) {
	stdin, _ := pipe(t)
	c := newCaller(t, stdin)
	ended := make(chan error, 1)
	c.s.streams.nonsense = func(err error) { ended <- err }
	c.say(t, "\x63\xff\xff\xff\xff")
	if err := <-ended; err.Error() != "the guest's agent makes no sense: it sent a frame of 4294967295 bytes, and 32768 is the most" {
		t.Error(err)
	}
	c.s.streams.await()
	c.s.streams.close()
}

// TestChooseWay: where the command's streams go.
func TestChooseWay(t *testing.T) {
	for _, tt := range []struct {
		o         Options
		own, pipe bool
		want      way
	}{
		{Options{}, true, true, way{agent: true, streams: true}},
		{Options{}, true, false, way{agent: true}},
		{Options{}, false, true, way{}},
		{Options{Console: "stdio"}, true, true, way{agent: true}},
		{Options{Console: "none"}, true, true, way{agent: true}},
		{Options{Initrd: "x"}, true, true, way{}},
		{Options{Append: "rdinit=/bin/sh"}, true, true, way{}},
	} {
		s := &session{o: &tt.o}
		if got := s.chooseWay(&images{own: tt.own}, tt.pipe); got != tt.want {
			t.Errorf("%+v, own %t, pipe %t: %+v", tt.o, tt.own, tt.pipe, got)
		}
	}
}
