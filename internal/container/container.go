package container

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"terem/internal/fault"

	"golang.org/x/sys/unix"
)

// Container is a container whose program runs, or has run.
type Container struct {
	process    *os.Process
	terminal   *os.File
	groups     *groups
	copied     bool     // the root is a copy
	home       order    // what a program that comes later needs to know
	privileged bool     // started by root
	notes      []string // what a user should know

	stopWatching func() bool // ends the watch on Start's context

	holding sync.Mutex
	held    []int // descriptors that are open until the end
	ended   bool

	gate   sync.RWMutex // for those who enter, against a pause
	paused atomic.Bool
	killed atomic.Bool // Kill was called
	making sync.Mutex
	sealed *os.File     // see image
	spent  atomic.Int64 // see spend

	exited  chan struct{} // closed when the next two are there
	state   *os.ProcessState
	waitErr error

	once    sync.Once
	outcome Outcome
	err     error
}

// Pid is the number of the program's process on the host.
func (k *Container) Pid() int { return k.process.Pid }

// Terminal is the other end of the program's terminal, or nil. Close closes it.
func (k *Container) Terminal() *os.File { return k.terminal }

// hold keeps the program's end of its terminal until the container ends. A program may close its
// terminal and open it again; with nobody at that end, the other end reads as broken meanwhile.
func (k *Container) hold(fd int) {
	k.holding.Lock()
	defer k.holding.Unlock()
	if k.held = append(k.held, fd); k.ended {
		closeAll(k.held)
	}
}

// letGo closes what hold keeps: the other end then reads as ended behind the last output.
func (k *Container) letGo() {
	k.holding.Lock()
	defer k.holding.Unlock()
	k.ended = true
	closeAll(k.held)
}

// Done is closed when the program has ended, and with it all processes of the container.
func (k *Container) Done() <-chan struct{} { return k.exited }

// Signal sends a signal to the program. Process 1 of a namespace gets only signals for
// which it has a handler, and SIGKILL and SIGSTOP (pid_namespaces(7)).
func (k *Container) Signal(s syscall.Signal) error { return k.process.Signal(s) }

// Interrupt sends a signal to the program and to what it has in front, as a terminal does with
// what is typed: the program leads a process group, and a shell without job control leaves
// its children in that.
func (k *Container) Interrupt(s syscall.Signal) error {
	select {
	case <-k.exited:
		return os.ErrProcessDone
	default:
	}
	return unix.Kill(-k.Pid(), s)
}

// Kill ends all processes of the container: the kernel does it when process 1 is killed. What is frozen in a group of version 1
// dies when it is thawed.
func (k *Container) Kill() error {
	k.killed.Store(true)
	err := k.process.Kill()
	if k.paused.Load() {
		_ = k.thaw() // an error is that of a container that has ended
	}
	return err
}

// Wait waits for the end of the container and removes its control groups. It may be
// called more than once.
func (k *Container) Wait() (Outcome, error) {
	<-k.exited
	k.once.Do(func() {
		k.outcome, k.err = k.conclude()
	})
	return k.outcome, k.err
}

func (k *Container) conclude() (Outcome, error) {
	if k.stopWatching != nil {
		k.stopWatching()
	}
	oom := k.groups.outOfMemory()
	err := k.groups.destroy()
	if k.waitErr != nil {
		return Outcome{}, k.waitErr
	}
	o := newOutcome(k.state)
	o.OutOfMemory = oom
	if err != nil {
		err = &fault.Error{Class: fault.Host, Thing: "control groups", Err: err}
	}
	return o, err
}

func newOutcome(s *os.ProcessState) Outcome {
	o := Outcome{User: s.UserTime(), System: s.SystemTime()}
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		o.Signal = ws.Signal()
	} else {
		o.Status = s.ExitCode()
	}
	return o
}

// Close gives back the terminal. For a container that has not ended, that is as when a
// terminal is unplugged: its processes get SIGHUP.
func (k *Container) Close() error {
	if k.terminal == nil {
		return nil
	}
	if err := k.terminal.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// abandon undoes a start that failed.
func (k *Container) abandon() {
	if k.process != nil {
		_ = k.Kill()
		_, _ = k.Wait() // the start's own error counts
		_ = k.Close()
		return
	}
	_ = k.groups.destroy()
}

// Resize sets the size of the program's terminal.
func (k *Container) Resize(columns, rows uint16) error { return resize(k.terminal, columns, rows) }

func resize(terminal *os.File, columns, rows uint16) error {
	if terminal == nil || columns == 0 || rows == 0 {
		return nil
	}
	conn, err := terminal.SyscallConn()
	if err != nil {
		return err
	}
	size := &unix.Winsize{Row: rows, Col: columns}
	var failure error
	err = conn.Control(func(fd uintptr) { failure = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, size) })
	return errors.Join(err, os.NewSyscallError("TIOCSWINSZ", failure))
}

// Notes are what a user should know of how the container differs from what was asked
// for, in a line each.
func (k *Container) Notes() []string { return k.notes }

func (k *Container) note(line string) { k.notes = append(k.notes, line) }

// Describe says what the container is made of, a line for each kind of thing.
func (k *Container) Describe() []string {
	lines := []string{fmt.Sprintf("process %d", k.Pid())}
	for _, name := range [...]string{"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"} {
		theirs, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", k.Pid(), name))
		ours, err2 := os.Readlink("/proc/self/ns/" + name)
		switch {
		case err != nil || err2 != nil: // it has ended
		case theirs == ours:
			lines = append(lines, "namespace "+theirs+", the host's")
		default:
			lines = append(lines, "namespace "+theirs)
		}
	}
	if k.copied {
		lines = append(lines, "root file system: a copy in memory, since the owners of the original cannot be shifted")
	}
	for _, dir := range k.groups.dirs() {
		lines = append(lines, "control group "+dir)
	}
	return lines
}
