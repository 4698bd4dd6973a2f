package grade

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/container"
	"terem/internal/fault"
)

// Limits of what runs.
const (
	runTime    = 10 * time.Second
	runMemory  = 512 << 20 // what is written to /tmp counts
	runPIDs    = 64
	runTmp     = 64 << 20 // bytes in /tmp, where memory has no limit
	mostOutput = 1 << 20  // bytes, of both streams together
	shown      = 2 << 10  // bytes of it, for a student to see
)

// program is a student's program that runs in a container.
type program struct {
	k      *container.Container
	cancel context.CancelFunc
	conn   *net.UnixConn // to its harness
	out    head          // the beginning of what it prints; for reading when printed is closed
	much   atomic.Bool   // it printed more than it may
	read   chan struct{} // closed when its output has ended
	root   string        // its root directory
}

// start runs a program that was built, in a container with nothing but it. Limits of memory and processes need root.
func start(ctx context.Context, built string, args ...string) (*program, error) {
	p := &program{out: head{most: shown}, read: make(chan struct{})}
	ctx, p.cancel = context.WithCancel(ctx)
	if err := p.begin(ctx, built, args); err != nil {
		p.cancel()
		p.remove()
		var own *fault.Error
		if !errors.As(err, &own) {
			err = &fault.Error{Class: fault.Host, Thing: "container", Err: err}
		}
		return nil, err
	}
	return p, nil
}

func (p *program) begin(ctx context.Context, built string, args []string) (err error) {
	if p.root, err = newRoot(built); err != nil {
		return err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "grader"), os.NewFile(uintptr(pair[1]), "harness")
	defer ours.Close()
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return err
	}
	p.conn = conn.(*net.UnixConn) // what else is a unix socket
	r, w, err := os.Pipe()
	if err != nil {
		p.conn.Close()
		return err
	}
	defer w.Close()
	p.k, err = container.Start(ctx, container.Config{
		Root: p.root, ReadOnly: true, Argv: append([]string{"/exercise"}, args...), Hostname: "lab", Limits: limits(), Ceilings: ceilings(),
		Env:   []string{"GOMAXPROCS=2", "GOTRACEBACK=single", "HOME=/tmp", "PATH=/"},
		Stdin: theirs, Stdout: w, Stderr: w,
	})
	if err != nil {
		r.Close()
		p.conn.Close()
		return err
	}
	go p.listen(r)
	return nil
}

// limits are what an ordinary user's container cannot have: control groups are root's.
func limits() container.Limits {
	if os.Geteuid() != 0 {
		return container.Limits{}
	}
	return container.Limits{Memory: runMemory, PIDs: runPIDs}
}

// ceilings are what it has in their place: each process its own, so that ten of them still have ten times as much. They are not for root's, whose
// limits say better what was too much.
func ceilings() container.Ceilings {
	if os.Geteuid() == 0 {
		return container.Ceilings{}
	}
	return container.Ceilings{Data: runMemory, Processes: runPIDs, Tmp: runTmp}
}

// newRoot is a directory with the program and the places that a container mounts at. Everybody may read it: root inside is nobody
// outside.
func newRoot(built string) (dir string, err error) {
	if dir, err = os.MkdirTemp("", "terem-lab-run-"); err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	const everybody = 0o755
	if err := os.Chmod(dir, everybody); err != nil {
		return "", err
	}
	for _, name := range []string{"proc", "sys", "dev", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, name), everybody); err != nil {
			return "", err
		}
	}
	return dir, copyFile(built, filepath.Join(dir, "exercise"))
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	const program = 0o755
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, program)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// listen keeps the beginning of what the program prints, and ends it when that is too much.
func (p *program) listen(r *os.File) {
	defer close(p.read)
	defer r.Close()
	n, _ := io.Copy(&p.out, io.LimitReader(r, mostOutput)) // the reader's end is what counts
	if n == mostOutput {
		p.much.Store(true)
		p.cancel()
	}
}

// end kills what is left of the program and says how it ended. late says that its time was up.
func (p *program) end(late bool) ending {
	e := ending{late: late, forks: p.k.ForksRefused()}
	if !late {
		const toEnd = 2 * time.Second // it has hung up: an exit takes no time
		select {
		case <-p.k.Done():
		case <-time.After(toEnd):
		}
	}
	select {
	case <-p.k.Done():
	default:
		e.killed = true
	}
	p.cancel()
	_ = p.k.Kill() // it may have ended
	o, err := p.k.Wait()
	e.outcome, e.err = o, err
	p.conn.Close()
	<-p.read
	e.much, e.said = p.much.Load(), p.out.String()
	p.remove()
	return e
}

func (p *program) remove() {
	if p.root != "" {
		os.RemoveAll(p.root)
	}
}

// ending is how a program ended.
type ending struct {
	outcome container.Outcome
	err     error
	late    bool   // its time was up
	much    bool   // it printed too much
	killed  bool   // by the grader
	forks   uint64 // processes that it wanted and did not get
	said    string // the beginning of what it printed
}

// goDied is the status with which the Go runtime ends a program, for instance one that gets no thread.
const goDied = 2

// Where a student reads about an ending.
const (
	readExit    = "https://pkg.go.dev/os#Exit"
	readHang    = "https://pkg.go.dev/runtime/debug#SetTraceback (`timeout -s QUIT 5 go run ./try` says where it is)"
	readMemory  = "https://go.dev/doc/gc-guide#Memory_limit"
	readFork    = "https://man7.org/linux/man-pages/man2/fork.2.html"
	readPrint   = "https://pkg.go.dev/fmt"
	readSignals = "https://man7.org/linux/man-pages/man7/signal.7.html"
)

// why puts an ending in words: what was seen, its cause, and where to read.
func (e ending) why(limit time.Duration) (seen, cause, read string) {
	switch {
	case e.much:
		return fmt.Sprintf("more than %d MiB of output", mostOutput>>20), "the program prints without an end; what it prints counts for nothing", readPrint
	case e.outcome.OutOfMemory || e.refused():
		return fmt.Sprintf("more than %d MiB of memory", runMemory>>20), "the program takes memory without an end; what is written to /tmp is memory, too", readMemory
	case e.forks > 0 && (e.late || e.outcome.Status == goDied): // one that was refused and went on ended for another cause
		return fmt.Sprintf("more than %d processes and threads", runPIDs), "the program starts processes or threads without an end, and an exercise needs none", readFork
	case e.late:
		return fmt.Sprintf("no answer in %v", limit), "the program, or the guest in it, loops or waits for something that does not come", readHang
	case e.killed:
		return "standard input was closed", "the program has closed the grader's socket, which is its standard input", "https://pkg.go.dev/os#Stdin"
	case e.outcome.Signal != 0:
		return fmt.Sprintf("the program was killed by signal %d (%v)", int(e.outcome.Signal), e.outcome.Signal), signalCause(e.outcome.Signal), readSignals
	case e.outcome.Status == 0:
		return "the program ended with status 0", "it exited by itself; it must return from its functions instead, and its result is what they return", readExit
	}
	return fmt.Sprintf("the program ended with status %d", e.outcome.Status), "it exited by itself or the Go runtime ended it: what it printed says more", readExit
}

// refused says whether the Go runtime ended the program for want of memory, as under a ceiling. It is the program's word, and can only cost it points.
func (e ending) refused() bool {
	return e.outcome.Status == goDied && (strings.Contains(e.said, "fatal error: runtime: out of memory") || strings.Contains(e.said, "fatal error: runtime: cannot allocate memory") || strings.Contains(e.said, "fatal error: out of memory"))
}

func signalCause(s syscall.Signal) string {
	if s == syscall.SIGSYS {
		return "it made a system call that no exercise needs"
	}
	return "it, or a process that it started, sent that"
}
