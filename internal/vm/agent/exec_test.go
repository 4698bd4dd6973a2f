package agent

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fromGuest are frames as a guest may send them.
func fromGuest(frames ...[]byte) []byte { return bytes.Join(frames, nil) }

func frame(k kind, text string) []byte { return appendFrame(nil, k, []byte(text)...) }

// claim is the head of a frame that says a length of its own.
func claim(k kind, size uint32) []byte {
	return binary.LittleEndian.AppendUint32([]byte{byte(k)}, size)
}

var (
	begins = frame(started, "\x07\x00\x00\x00")
	ends   = frame(exit, "\x00\x03")
)

// peer is the other end of a connection: it says what is given, in pieces, and listens to nothing in particular.
func peer(t *testing.T, says []byte, piece int) net.Conn {
	t.Helper()
	host, guest := net.Pipe()
	go io.Copy(io.Discard, guest)
	go func() {
		defer guest.Close()
		for len(says) > 0 {
			n := min(piece, len(says))
			if _, err := guest.Write(says[:n]); err != nil {
				return
			}
			says = says[n:]
		}
	}()
	return host
}

func TestAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		says   []byte
		status Status
		err    string
		out    string
	}{
		"exit":              {fromGuest(begins, frame(stdout, "a"), frame(stderr, "b"), frame(stdout, "c"), ends), Status{Code: 3}, "", "abc"},
		"signal":            {fromGuest(begins, frame(exit, "\x01\x09")), Status{Signal: 9}, "", ""},
		"more behind":       {fromGuest(begins, ends, claim(99, 1<<32-1)), Status{Code: 3}, "", ""},
		"empty output":      {fromGuest(begins, frame(stdout, ""), ends), Status{Code: 3}, "", ""},
		"largest":           {fromGuest(begins, frame(stdout, strings.Repeat("x", maxFrame)), ends), Status{Code: 3}, "", strings.Repeat("x", maxFrame)},
		"nothing":           {nil, Status{}, ErrGone.Error(), ""},
		"refused":           {frame(failure, "\x02\x00\x00\x00execve"), Status{}, "no such program in the guest", ""},
		"refused later":     {fromGuest(begins, frame(failure, "\x47\x00\x00\x00frame")), Status{}, "the guest cannot start it (frame): protocol error", ""},
		"refused, escapes":  {frame(failure, "\x05\x00\x00\x00\x1b[2J"), Status{}, "the guest cannot start it (????): input/output error", ""},
		"too long a step":   {frame(failure, "\x05\x00\x00\x00"+strings.Repeat("x", 33)), Status{}, "the guest's agent makes no sense: it sent a frame 19 of 37 bytes", ""},
		"no errno":          {frame(failure, "\x00\x00\x00\x00x"), Status{}, "the guest's agent makes no sense: it sent an error with number 0", ""},
		"4 GiB":             {fromGuest(begins, claim(stdout, 1<<32-1)), Status{}, "the guest's agent makes no sense: it sent a frame of 4294967295 bytes, and 32768 is the most", ""},
		"one too many":      {fromGuest(begins, claim(stdout, maxFrame+1)), Status{}, "the guest's agent makes no sense: it sent a frame of 32769 bytes, and 32768 is the most", ""},
		"unknown":           {fromGuest(begins, frame(77, "x")), Status{}, "the guest's agent makes no sense: it sent a frame 77, which there is not", ""},
		"the host's":        {fromGuest(begins, frame(stdin, "x")), Status{}, "the guest's agent makes no sense: it sent a frame 2, which there is not", ""},
		"output first":      {frame(stdout, "x"), Status{}, "the guest's agent makes no sense: it sent a frame 16 where it has no place", ""},
		"begins twice":      {fromGuest(begins, begins), Status{}, "the guest's agent makes no sense: it sent a frame 20 where it has no place", ""},
		"taken what is not": {fromGuest(begins, frame(taken, "\x01\x00\x00\x00")), Status{}, "the guest's agent makes no sense: it sent that it has taken 1 bytes, and was sent 0", ""},
		"taken 4 GiB":       {fromGuest(begins, frame(taken, "\xff\xff\xff\xff")), Status{}, "the guest's agent makes no sense: it sent that it has taken 4294967295 bytes, and was sent 0", ""},
		"short end":         {fromGuest(begins, frame(exit, "\x00")), Status{}, "the guest's agent makes no sense: it sent a frame 18 of 1 bytes", ""},
		"end of a kind":     {fromGuest(begins, frame(exit, "\x02\x00")), Status{}, "the guest's agent makes no sense: it sent an end of kind 2 with value 0", ""},
		"signal 0":          {fromGuest(begins, frame(exit, "\x01\x00")), Status{}, "the guest's agent makes no sense: it sent an end of kind 1 with value 0", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, piece := range []int{1, 3, 1 << 20} {
				var out bytes.Buffer
				never, _ := io.Pipe()
				status, err := Exec(peer(t, tt.says, piece), Start{Argv: []string{"x"}}, Streams{Stdin: never, Stdout: &out, Stderr: &out})
				text := ""
				if err != nil {
					text = err.Error()
				}
				if status != tt.status || text != tt.err || out.String() != tt.out {
					t.Errorf("in pieces of %d: %+v, %q, output %.80q", piece, status, text, out.String())
				}
			}
		})
	}
}

// TestCutOff: whenever the connection ends, that is what the error says, and what came before has been written.
func TestCutOff(t *testing.T) {
	whole := fromGuest(begins, frame(stdout, "hello"), frame(taken, "\x00\x00\x00\x00"), frame(stdout, "world"), ends)
	for n := range whole {
		var out bytes.Buffer
		_, err := Attach(peer(t, whole[:n], 1<<20), Streams{Stdout: &out})
		if !errors.Is(err, ErrGone) || !strings.HasPrefix("helloworld", out.String()) {
			t.Errorf("after %d bytes: %v, output %q", n, err, out.String())
		}
	}
}

// TestSilence: a guest that says nothing is waited for until somebody closes the connection.
func TestSilence(t *testing.T) {
	host, guest := net.Pipe()
	defer guest.Close()
	time.AfterFunc(50*time.Millisecond, func() { host.Close() })
	if _, err := Exec(host, Start{Argv: []string{"x"}}, Streams{}); !errors.Is(err, ErrGone) {
		t.Errorf("error %v", err)
	}
}

// TestWindow: no more than that much input is sent to a guest that takes none, and a signal comes behind it.
func TestWindow(t *testing.T) {
	host, guest := net.Pipe()
	signals := make(chan syscall.Signal)
	done := make(chan error, 1)
	go func() {
		_, err := Exec(host, Start{Argv: []string{"x"}}, Streams{Stdin: endless{}, Signals: signals})
		done <- err
	}()
	heard := make(chan []byte)
	go listen(guest, heard)
	if f := <-heard; kind(f[0]) != start {
		t.Errorf("first came a frame %d", f[0])
	}
	guest.Write(begins)
	input := 0
	hear := func(until int) {
		for input < until {
			f := <-heard
			if kind(f[0]) != stdin {
				t.Fatalf("a frame %d between the input", f[0])
			}
			input += len(f) - header
		}
	}
	hear(window)
	signals <- syscall.SIGTERM
	if f := <-heard; !bytes.Equal(f, frame(signal, "\x0f")) {
		t.Errorf("behind %d bytes of input came %.20x", input, f)
	}
	guest.Write(frame(taken, "\x00\x20\x00\x00"))
	hear(window + 0x2000)
	if input != window+0x2000 {
		t.Errorf("%d bytes of input", input)
	}
	guest.Write(ends)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// listen hands on whole frames of the host's.
func listen(r io.Reader, heard chan<- []byte) {
	defer close(heard)
	for {
		f := make([]byte, header)
		if _, err := io.ReadFull(r, f); err != nil {
			return
		}
		f = append(f, make([]byte, binary.LittleEndian.Uint32(f[1:]))...)
		if _, err := io.ReadFull(r, f[header:]); err != nil {
			return
		}
		heard <- f
	}
}

// TestStalledOutput: while a writer waits, signals go through all the same.
func TestStalledOutput(t *testing.T) {
	host, guest := net.Pipe()
	signals, release := make(chan syscall.Signal), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		_, err := Attach(host, Streams{Signals: signals, Stdout: writer(func(p []byte) (int, error) { <-release; return len(p), nil })})
		done <- err
	}()
	heard := make(chan []byte)
	go listen(guest, heard)
	guest.Write(fromGuest(begins, frame(stdout, "x")))
	if f := <-heard; kind(f[0]) != stdinEOF {
		t.Errorf("first came a frame %d", f[0])
	}
	signals <- syscall.SIGTERM
	if f := <-heard; !bytes.Equal(f, frame(signalAll, "\x0f")) {
		t.Errorf("then came %x", f)
	}
	close(release)
	guest.Write(ends)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestOutputFails: its error is told from those of the connection.
func TestOutputFails(t *testing.T) {
	for name, want := range map[kind]string{stdout: "standard output", stderr: "standard error"} {
		bad := writer(func([]byte) (int, error) { return 0, syscall.EPIPE })
		_, err := Attach(peer(t, fromGuest(begins, frame(name, "x"), ends), 100), Streams{Stdout: bad, Stderr: bad})
		var broken *OutputError
		if !errors.As(err, &broken) || broken.Stream != want || !errors.Is(err, syscall.EPIPE) {
			t.Errorf("error %v", err)
		}
	}
}

// TestNothingLeft: no goroutine stays but one that reads an input.
func TestNothingLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 50 {
		host, guest := net.Pipe()
		go func() {
			defer guest.Close()
			go io.Copy(io.Discard, guest)
			guest.Write(fromGuest(begins, ends))
		}()
		sizes, signals := make(chan Size), make(chan syscall.Signal)
		if _, err := Exec(host, Start{Argv: []string{"x"}}, Streams{Stdin: endless{}, Resize: sizes, Signals: signals}); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; runtime.NumGoroutine() > before; i++ {
		if i == 200 {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestStartRefuses(t *testing.T) {
	for name, s := range map[string]Start{
		"nothing":     {},
		"NUL":         {Argv: []string{"a\x00b"}},
		"NUL in user": {Argv: []string{"a"}, User: "\x00"},
		"both":        {Argv: []string{"a"}, TTY: true, Detach: true},
		"words":       {Argv: make([]string, maxArgs+1)},
		"variables":   {Argv: []string{"a"}, Env: make([]string, maxEnv+1)},
		"long":        {Argv: []string{strings.Repeat("x", maxFrame)}},
	} {
		host, guest := net.Pipe()
		if _, err := Exec(host, s, Streams{}); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := guest.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("%s: the connection was not closed: %v", name, err)
		}
	}
}

func TestStartErrors(t *testing.T) {
	for _, tt := range []struct {
		e    StartError
		text string
		exit int
	}{
		{StartError{syscall.ENOENT, "execve"}, "no such program in the guest", 127},
		{StartError{syscall.ENOTDIR, "execve"}, "no such program in the guest", 127},
		{StartError{syscall.EACCES, "execve"}, "the guest cannot execute it: permission denied", 126},
		{StartError{syscall.ENOENT, "chdir"}, "the guest cannot make it the working directory: no such file or directory", 126},
		{StartError{syscall.ENOENT, "user"}, "no such user or group in the guest", 126},
		{StartError{syscall.EMFILE, "connections"}, "the guest's agent has as many connections as it takes", 126},
		{StartError{syscall.E2BIG, "start"}, "more arguments or variables than the guest's agent takes", 126},
		{StartError{syscall.ENOSPC, "pty"}, "the guest cannot start it (pty): no space left on device", 126},
	} {
		if tt.e.Error() != tt.text || tt.e.Exit() != tt.exit || !errors.Is(&tt.e, tt.e.Errno) {
			t.Errorf("%v, status %d", &tt.e, tt.e.Exit())
		}
	}
	if n := (Status{Signal: syscall.SIGTERM}).Exit(); n != 143 {
		t.Errorf("status %d", n)
	}
}

// memory is a connection on which the guest has said all already.
type memory struct{ io.Reader }

func (memory) Write(p []byte) (int, error) { return len(p), nil }
func (memory) Close() error                { return nil }

func FuzzGuest(f *testing.F) {
	f.Add(fromGuest(begins, frame(stdout, "hello"), frame(stderr, "x"), ends))
	f.Add(fromGuest(frame(failure, "\x02\x00\x00\x00execve")))
	f.Add(fromGuest(begins, frame(taken, "\x01\x00\x00\x00")))
	f.Add(claim(stdout, 1<<32-1))
	f.Fuzz(func(t *testing.T, says []byte) {
		var out bytes.Buffer
		status, err := Attach(memory{bytes.NewReader(says)}, Streams{Stdin: strings.NewReader("input"), Stdout: &out, Stderr: &out})
		if out.Len() > len(says) {
			t.Errorf("%d bytes of output from %d", out.Len(), len(says))
		}
		if e := status.Exit(); err == nil && (e < 0 || e > 255) {
			t.Errorf("status %+v", status)
		}
	})
}
