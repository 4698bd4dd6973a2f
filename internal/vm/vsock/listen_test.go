package vsock

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	device "terem/devices/virtio/vsock"
)

// echo is a guest whose even ports say "hi", and then what they hear. Its odd ports refuse.
type echo struct {
	mu   sync.Mutex
	n    uint32
	work sync.WaitGroup
}

func (e *echo) Connect(_ context.Context, port uint32, s device.Stream) (uint32, error) {
	if port%2 == 1 {
		return 0, device.ErrRefused
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.n++
	if n, err := s.(device.Quick).TryWrite([][]byte{[]byte("too early")}); n != 0 || err != nil {
		return 0, fmt.Errorf("%d bytes written before OK, %w", n, err)
	}
	e.work.Go(func() {
		defer s.Close()
		if _, err := s.Write([]byte("hi")); err != nil {
			return
		}
		if _, err := io.Copy(s, s); err != nil {
			return
		}
		_ = s.CloseWrite()
		s.(device.Hanger).AwaitHangup()
	})
	return 1000 + e.n, nil
}

func listen(t testing.TB) (path string, e *echo) {
	t.Helper()
	path, e = filepath.Join(t.TempDir(), "v"), &echo{}
	l, err := Listen(path, e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		e.work.Wait()
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is left: %v", err)
		}
	})
	return path, e
}

func call(t testing.TB, path string) *net.UnixConn {
	t.Helper()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestConnect(t *testing.T) {
	path, _ := listen(t)
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	c := call(t, path)
	// More than the line may come with it.
	if _, err := io.WriteString(c, "CONNECT 52\nhello"); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if string(b) != "OK 1001\nhihello" || err != nil {
		t.Errorf("read %q, %v", b, err)
	}
}

// TestSaysWhatIsWrong: a program gets a line that says why, and the end. None of them holds anything up.
func TestSaysWhatIsWrong(t *testing.T) {
	path, _ := listen(t)
	for _, tt := range []struct {
		say, want string
		shut      bool
	}{
		{"CONNECT 51\n", "ERR connection refused by the guest\n", false},
		{"CONNECT 52", "ERR no whole line: want `CONNECT port`\n", true},
		{"CONNECT 52", "ERR no whole line within 2s: want `CONNECT port`\n", false},
		{"", "ERR no whole line: want `CONNECT port`\n", true},
		{"CONNECT\n", "ERR \"CONNECT\": want `CONNECT port`\n", false},
		{"CONNECT -1\n", "ERR \"CONNECT -1\": want `CONNECT port`\n", false},
		{"CONNECT 4294967296\n", "ERR \"CONNECT 4294967296\": want `CONNECT port`\n", false},
		{"GET 52 1.1\n", "ERR \"GET 52 1.1\": want `CONNECT port`\n", false},
		{strings.Repeat("x", 40), "ERR no line of 32 bytes at most: want `CONNECT port`\n", false},
	} {
		t.Run(tt.say, func(t *testing.T) {
			t.Parallel()
			c := call(t, path)
			if _, err := io.WriteString(c, tt.say); err != nil {
				t.Fatal(err)
			}
			if tt.shut {
				if err := c.CloseWrite(); err != nil {
					t.Fatal(err)
				}
			}
			line, err := bufio.NewReader(c).ReadString('\n')
			if line != tt.want || err != nil {
				t.Errorf("answer %q, %v", line, err)
			}
		})
	}
}

// TestPlaces: what is at the path already.
func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(in("file"), []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"stale", "live"} {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: in(name), Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if name == "stale" {
			l.SetUnlinkOnClose(false)
			l.Close()
		}
	}
	for path, want := range map[string]string{
		in("stale"):                     "",
		in("new"):                       "",
		in("file"):                      "no socket",
		in("live"):                      "somebody listens",
		in("none/v"):                    "no such file or directory",
		dir:                             "no socket",
		in(strings.Repeat("long", 100)): "too long",
	} {
		l, err := Listen(path, &echo{})
		switch {
		case err == nil && want == "":
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		case err == nil || want == "" || !strings.Contains(err.Error(), want):
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if b, err := os.ReadFile(in("file")); string(b) != "precious" {
		t.Errorf("the file has %q, %v", b, err)
	}
	call(t, in("live")) // still there
}

// TestDialPath: the guest calls.
func TestDialPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v")
	dial := DialPath(path)
	start := time.Now()
	if s, err := dial(52); err == nil {
		t.Errorf("connected to nobody: %v", s)
	}
	if took := time.Since(start); took > dialLimit {
		t.Errorf("a refusal took %v", took)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path + "_52", Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, err := dial(52)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := s.(device.Quick).TryWrite([][]byte{[]byte("ab"), []byte("c")}); n != 3 || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	// Nobody reads any more, and no signal ends the process.
	if n, err := s.(device.Quick).TryWrite([][]byte{[]byte("d")}); n != 0 || err == nil {
		t.Errorf("wrote %d to nobody, %v", n, err)
	}
}

// TestManyLeaveNothing: connect and close, with and without a word, a few hundred at a time.
func TestManyLeaveNothing(t *testing.T) {
	path, e := listen(t)
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	for round := range 3 {
		var all sync.WaitGroup
		for i := range 300 {
			all.Go(func() {
				c, err := dial(path)
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				if i%3 == 0 {
					return
				}
				if _, err := io.WriteString(c, "CONNECT 52\n"); err != nil || i%3 == 1 {
					return
				}
				_ = c.CloseWrite()
				if b, err := io.ReadAll(c); !strings.HasSuffix(string(b), "\nhi") || err != nil {
					t.Errorf("round %d: read %q, %v", round, b, err)
				}
			})
		}
		all.Wait()
	}
	e.work.Wait()
	for runtime.NumGoroutine() > goroutines || descriptors(t) > files {
		if t.Context().Err() != nil {
			t.Fatalf("%d goroutines, %d descriptors: before %d and %d", runtime.NumGoroutine(), descriptors(t), goroutines, files)
		}
		time.Sleep(time.Millisecond)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}
