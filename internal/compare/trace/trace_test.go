package trace

import (
	"context"
	"errors"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func run(t *testing.T, ctx context.Context, limit time.Duration, argv ...string) (Count, error) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c, err := Run(ctx, argv, nil, limit)
	if errors.Is(err, unix.EPERM) {
		t.Skip("ptrace is not allowed here")
	}
	return c, err
}

const limit = time.Minute

func TestCounts(t *testing.T) {
	one, err := run(t, t.Context(), limit, "sh", "-c", ":")
	if err != nil {
		t.Fatal(err)
	}
	if one.Processes != 1 || one.Threads != 1 || one.Calls[unix.SYS_EXIT_GROUP] != 1 || one.Total() < 5 {
		t.Errorf("one process: %+v", one)
	}
	three, err := run(t, t.Context(), limit, "sh", "-c", "/bin/true; /bin/true; exit 1")
	if err != nil {
		t.Fatal(err)
	}
	if three.Processes != 3 || three.Calls[unix.SYS_EXIT_GROUP] != 3 || three.Calls[unix.SYS_EXECVE] != 2 {
		t.Errorf("three processes: %+v", three)
	}
}

// TestSignals are delivered to the traced program: the shell traps one and is killed by
// another.
func TestSignals(t *testing.T) {
	c, err := run(t, t.Context(), limit, "sh", "-c", "trap : USR1; kill -USR1 $$; kill -KILL $$")
	if err != nil || c.Calls[unix.SYS_KILL] != 2 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestLate(t *testing.T) {
	if _, err := run(t, t.Context(), 100*time.Millisecond, "sleep", "1000"); !errors.Is(err, ErrLate) {
		t.Errorf("error %v", err)
	}
	if _, err := run(t, t.Context(), limit, "no-such-program"); err == nil {
		t.Error("a program that is not there ran")
	}
}

// TestThreadsLeftBehind: a process with threads that outlives the program is killed.
func TestThreadsLeftBehind(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("needs python3")
	}
	const script = `import os, threading, time
r, w = os.pipe()
if os.fork() == 0:
	for _ in range(8): threading.Thread(target=time.sleep, args=(1000,)).start()
	os.write(w, b"x")
	time.sleep(1000)
os.read(r, 1)
os._exit(0)`
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := run(t, t.Context(), limit, "python3", "-c", script)
		if err != nil || c.Processes < 2 || c.Threads != c.Processes+8 {
			t.Errorf("%+v, %v", c, err)
		}
	}()
	select {
	case <-done:
	case <-time.After(limit / 2):
		t.Fatal("it waits for ever")
	}
}

func TestNames(t *testing.T) {
	names := Names()
	for number, name := range map[uint64]string{unix.SYS_READ: "read", unix.SYS_GETPID: "getpid", unix.SYS_CLONE3: "clone3",
		unix.SYS_MOUNT_SETATTR: "mount_setattr"} {
		if names[number] != name {
			t.Errorf("%d is %q, want %q", number, names[number], name)
		}
	}
}
