package place

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What a program says is foreign: an attacker may say anything, and for ever.
const (
	longestLine = 1 << 10
	mostLines   = 400
)

// grace is how long a program that was asked to end is waited for.
const grace = 5 * time.Second

// never is a line that no program says: to wait for it is to wait for the end.
const never = "\x00"

// ErrEnded says that a program ended before it had said what was waited for.
var ErrEnded = errors.New("it has ended")

// keeper is the thread that starts programs: each dies with it, and so with terem, however that ends.
type keeper struct{ work chan func() }

func newKeeper() *keeper {
	k := &keeper{work: make(chan func())}
	go func() {
		runtime.LockOSThread() // and it is never unlocked
		for f := range k.work {
			f()
		}
	}()
	return k
}

func (k *keeper) start(cmd *exec.Cmd) (err error) {
	done := make(chan struct{})
	k.work <- func() { defer close(done); err = cmd.Start() }
	<-done
	return err
}

func (k *keeper) close() { close(k.work) }

// Process is a program under way, with which one speaks in lines.
type Process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *os.File
	lines chan string
	gone  chan struct{} // closed when it has ended; Stop waits for it, and keeps its number taken until then
	quit  chan struct{} // closed when nobody reads lines any more
}

// Run starts a script in a place. The caller owes a Stop.
func (w *Workspace) Run(p Place, script string) (*Process, error) {
	if p.apart {
		return w.start(p.Argv(script), unix.CLONE_NEWPID|unix.CLONE_NEWNS)
	}
	return w.Start(p.Argv(script))
}

// Start starts a program. The caller owes a Stop.
func (w *Workspace) Start(argv []string) (*Process, error) { return w.start(argv, 0) }

func (w *Workspace) start(argv []string, namespaces uintptr) (*Process, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Cloneflags: namespaces}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	r, wr, err := os.Pipe()
	if err != nil {
		in.Close()
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = wr, wr
	err = w.keeper.start(cmd)
	wr.Close()
	if err != nil {
		in.Close()
		r.Close()
		return nil, fmt.Errorf("start %s: %w", argv[0], err)
	}
	p := &Process{cmd: cmd, in: in, out: r, lines: make(chan string), gone: make(chan struct{}), quit: make(chan struct{})}
	go p.read()
	go p.await()
	return p, nil
}

// await leaves the process a zombie: its group has a number that nobody else can get, until Stop has killed what is in it.
func (p *Process) await() {
	defer close(p.gone)
	for {
		err := unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// read sends lines on, cut to a length.
func (p *Process) read() {
	defer close(p.lines)
	in := bufio.NewReaderSize(p.out, longestLine)
	for {
		line, err := in.ReadSlice('\n')
		if len(line) > 0 {
			select {
			case p.lines <- strings.TrimRight(string(line), "\r\n"):
			case <-p.quit:
				return
			}
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// Ask sends a line.
func (p *Process) Ask(line string) error {
	_, err := io.WriteString(p.in, line+"\n")
	return err
}

// Until gives what the program says until a line that is the mark: ErrEnded if that does not come any more.
func (p *Process) Until(ctx context.Context, mark string) (said []string, err error) {
	for {
		select {
		case line, more := <-p.lines:
			switch {
			case !more:
				return said, ErrEnded
			case line == mark:
				return said, nil
			case len(said) < mostLines:
				said = append(said, line)
			}
		case <-ctx.Done():
			return said, ctx.Err()
		}
	}
}

// Stop ends the program and all of its process group.
func (p *Process) Stop() {
	close(p.quit)
	p.in.Close()
	group := -p.cmd.Process.Pid
	_ = unix.Kill(group, unix.SIGTERM) // it may have ended
	select {
	case <-p.gone:
	case <-time.After(grace):
	}
	_ = unix.Kill(group, unix.SIGKILL) // what it has left in its group
	_ = p.cmd.Wait()                   // how it ended is in ProcessState
	p.out.Close()                      // somebody else may have its other end: read does not wait for him
	for range p.lines {
	}
}

// kill ends the program without asking it.
func (p *Process) kill() {
	_ = unix.Kill(-p.cmd.Process.Pid, unix.SIGKILL)
	p.Stop()
}
