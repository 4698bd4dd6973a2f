package trace

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Count is what was counted.
type Count struct {
	Calls     map[uint64]uint64 // by number, of the x86-64 ABI
	Processes int               // the first included
	Threads   int               // the first of each process included
}

// Total is the number of all calls.
func (c Count) Total() (n uint64) {
	for _, k := range c.Calls {
		n += k
	}
	return n
}

// ErrLate says that the program did not end in time; it was killed.
var ErrLate = errors.New("took too long under ptrace")

const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACECLONE |
	unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL

// syscallStop is the signal of a stop at a system call, with TRACESYSGOOD.
const syscallStop = unix.SIGTRAP | 0x80

// Run runs a program to its end, its output thrown away. It must be called on a thread
// that is locked, and whose other children nobody waits for meanwhile. The program's exit
// status is not an error.
func Run(ctx context.Context, argv, env []string, limit time.Duration) (Count, error) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return Count{}, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return Count{}, err
	}
	defer null.Close()
	pid, err := syscall.ForkExec(path, argv, &syscall.ProcAttr{Env: append(os.Environ(), env...),
		Files: []uintptr{null.Fd(), null.Fd(), null.Fd()}, Sys: &syscall.SysProcAttr{Ptrace: true, Setpgid: true}})
	if err != nil {
		return Count{}, fmt.Errorf("start %s: %w", path, err)
	}
	t := &tracer{root: pid, known: map[int]bool{pid: true}, inside: map[int]bool{},
		count: Count{Calls: map[uint64]uint64{}, Processes: 1, Threads: 1}}
	defer t.kill()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		_ = unix.Kill(-pid, unix.SIGKILL) // it may be gone,
		_ = unix.Kill(pid, unix.SIGKILL)  // or have gone over to another group
	})
	defer stop()
	if err := t.begin(); err != nil {
		return t.count, err
	}
	err = t.loop()
	if ctx.Err() != nil {
		err = ErrLate
	}
	return t.count, err
}

type tracer struct {
	root   int
	known  map[int]bool // threads that are traced
	inside map[int]bool // of those, the ones within a system call
	count  Count
}

// begin waits for the stop after the program's execve.
func (t *tracer) begin() error {
	var ws unix.WaitStatus
	_, err := unix.Wait4(t.root, &ws, unix.WALL, nil)
	for errors.Is(err, unix.EINTR) {
		_, err = unix.Wait4(t.root, &ws, unix.WALL, nil)
	}
	if err != nil {
		return fmt.Errorf("wait for the program: %w", err)
	}
	if !ws.Stopped() {
		return errors.New("the program ended before it began")
	}
	if err := unix.PtraceSetOptions(t.root, options); err != nil {
		return fmt.Errorf("ptrace: %w", err)
	}
	return unix.PtraceSyscall(t.root, 0)
}

// loop serves stops until the program that was started is gone. What it left behind is
// no longer counted.
func (t *tracer) loop() error {
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("wait: %w", err)
		}
		if ws.Exited() || ws.Signaled() {
			delete(t.known, pid)
			if pid == t.root {
				return nil
			}
			continue
		}
		if ws.Stopped() {
			t.stopped(pid, ws)
		}
	}
}

// stopped counts what a stop stands for, and lets the thread go on. One that died in the
// meantime will be waited for.
func (t *tracer) stopped(pid int, ws unix.WaitStatus) {
	deliver := 0
	switch s := ws.StopSignal(); {
	case s == syscallStop:
		t.syscall(pid)
	case s == unix.SIGTRAP && ws.TrapCause() > 0:
		t.event(pid, ws.TrapCause())
	case s == unix.SIGSTOP && !t.known[pid]: // the first stop of a child
	case s == unix.SIGTRAP: // of an execve without event
	default:
		deliver = int(s)
	}
	t.known[pid] = true
	_ = unix.PtraceSyscall(pid, deliver) // it may have died
}

func (t *tracer) event(pid, cause int) {
	if cause == unix.PTRACE_EVENT_EXEC {
		// The thread has the number of the process's first one from now on, and is within
		// its execve; its own number is free, and that of the others will be.
		if former, err := unix.PtraceGetEventMsg(pid); err == nil && int(former) != pid {
			delete(t.known, int(former))
			delete(t.inside, int(former))
			t.inside[pid] = true
		}
		return
	}
	switch cause {
	case unix.PTRACE_EVENT_FORK, unix.PTRACE_EVENT_VFORK:
		t.count.Processes++
		t.count.Threads++
	case unix.PTRACE_EVENT_CLONE:
		t.count.Threads++
	}
}

// syscall counts at the entry, and nothing at the exit.
func (t *tracer) syscall(pid int) {
	t.inside[pid] = !t.inside[pid]
	if !t.inside[pid] {
		return
	}
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(pid, &regs); err != nil {
		return // it died
	}
	t.count.Calls[regs.Orig_rax]++
}

// killTime is how long what was killed has to end: longer than any that can be ended.
const killTime = 10 * time.Second

// kill ends what is traced still. It asks for all at once: the first thread of a process
// is the last to be waited for, when none of the others is left.
func (t *tracer) kill() {
	for end := time.Now().Add(killTime); len(t.known) > 0 && time.Now().Before(end); {
		for pid := range t.known {
			if unix.Kill(pid, unix.SIGKILL) == unix.ESRCH {
				delete(t.known, pid)
				continue
			}
			var ws unix.WaitStatus
			got, err := unix.Wait4(pid, &ws, unix.WALL|unix.WNOHANG, nil)
			if got == pid && (ws.Exited() || ws.Signaled()) || errors.Is(err, unix.ECHILD) {
				delete(t.known, pid)
			}
		}
		time.Sleep(time.Millisecond)
	}
}
