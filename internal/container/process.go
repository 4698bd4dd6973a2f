package container

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a program that Exec has started.
type Process struct {
	k        *Container
	pid      int      // on the host
	terminal *os.File // other end of its terminal, or nil
	near     int      // its own end, held until it ends: see Container.hold
	exited   chan struct{}
	state    *os.ProcessState
	waitErr  error
	mu       sync.Mutex
	ended    bool // the number may be somebody else's
	dead     bool // the container ended first
}

func (k *Container) newProcess(pid int) *Process {
	p := &Process{k: k, pid: pid, near: -1, exited: make(chan struct{})}
	go p.reap()
	return p
}

// reap waits for the end. The container waits for it too: its first process ends when no other is left.
func (p *Process) reap() {
	defer close(p.exited)
	for unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	p.mu.Lock()
	p.ended = true
	closeAll(p.held())
	p.mu.Unlock()
	p.dead = p.k.ending()
	found, err := os.FindProcess(p.pid) // it never fails: the process is there, and ours
	if err == nil {
		p.state, err = found.Wait()
	}
	p.waitErr = err
	if err == nil {
		p.k.spend(p.state.UserTime() + p.state.SystemTime())
	}
}

func (p *Process) held() []int {
	if p.near < 0 {
		return nil
	}
	return []int{p.near}
}

// takeTerminal takes both ends.
func (p *Process) takeTerminal(far, near int) error {
	if err := unix.SetNonblock(far, true); err != nil {
		closeAll([]int{far, near})
		return err
	}
	p.terminal = os.NewFile(uintptr(far), "terminal")
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.near = near; p.ended {
		closeAll(p.held())
	}
	return nil
}

// Terminal is the other end of the program's terminal, or nil. It is the caller's to close.
func (p *Process) Terminal() *os.File { return p.terminal }

// Pid is the number of the process on the host.
func (p *Process) Pid() int { return p.pid }

// InnerPid is its number in the container; 0 if it has ended.
func (p *Process) InnerPid() int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if numbers, ok := strings.CutPrefix(line, "NSpid:"); ok {
			fields := strings.Fields(numbers)
			n, _ := strconv.Atoi(fields[len(fields)-1]) // of the innermost namespace
			return n
		}
	}
	return 0
}

// Done is closed when it has ended.
func (p *Process) Done() <-chan struct{} { return p.exited }

// Signal sends a signal to the group that the program leads.
func (p *Process) Signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		_ = unix.Kill(-p.pid, s) // a group that cannot be told has ended
	}
}

// Resize sets the size of its terminal.
func (p *Process) Resize(columns, rows uint16) error { return resize(p.terminal, columns, rows) }

// Wait waits for its end. ErrEnded is that of the container.
func (p *Process) Wait() (Outcome, error) {
	<-p.exited
	switch {
	case p.dead:
		return Outcome{}, ErrEnded
	case p.waitErr != nil:
		return Outcome{}, p.waitErr
	}
	return newOutcome(p.state), nil
}

// ending says whether process 1 is on its way out, or gone: the kernel kills all others then, and only afterwards it counts
// as ended.
func (k *Container) ending() bool {
	select {
	case <-k.exited:
		return true
	default:
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", k.Pid()))
	return err != nil || parseStat(string(stat), statFlags)&exiting != 0
}

// exiting is PF_EXITING of include/linux/sched.h.
const exiting = 0x4

// Fields of /proc/PID/stat (proc_pid_stat(5)).
const (
	statFlags = 9
	statTimes = 14 // utime, stime, and those of children that were waited for
	statStart = 22
	statPages = 24
)

// parseStat is a field. Field 2, a name, may have anything in it, and ends with the last bracket.
func parseStat(stat string, field int) uint64 {
	const first = 3
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) <= field-first {
		return 0
	}
	n, err := strconv.ParseUint(fields[field-first], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// spend counts what programs used that have ended and that nobody inside has waited for.
func (k *Container) spend(d time.Duration) { k.spent.Add(int64(d)) }
