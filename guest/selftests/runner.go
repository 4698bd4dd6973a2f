package main

import (
	"errors"
	"io"
	"os/exec"
	"path"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	statusSkip = 4         // KSFT_SKIP
	maxTries   = 3         // of what is judged by the clock
	maxOutput  = 512 << 10 // of one program; what is more is dropped
	userID     = 1000      // who has no rights

	// The C library would register for restartable sequences first.
	noLibraryRseq = "GLIBC_TUNABLES=glibc.pthread.rseq=0"
)

// runner runs jobs one after the other. Alone, it is process 1 of a namespace, in which nobody else is.
type runner struct {
	tree  string // where the programs are
	alone bool
	scale float64 // of the limits
}

func (r runner) run(j job) outcome {
	for try := 1; ; try++ {
		start := time.Now()
		o, err := r.start(j)
		if err != nil {
			o = outcome{status: notRun, output: "selftests: " + err.Error() + "\n"}
		}
		o.took = time.Since(start)
		if j.mark != markTiming || o.status != endedBad || try == maxTries {
			return o
		}
	}
}

// start runs a job to its end. Its output is a terminal, so that lines come as they are written and are not lost
// when a signal ends the program.
func (r runner) start(j job) (outcome, error) {
	near, far, err := openPTY()
	if err != nil {
		return outcome{}, err
	}
	defer near.Close()
	cmd := r.command(j)
	cmd.Stdout, cmd.Stderr = far, far
	err = cmd.Start()
	far.Close() // the program has it; when all have closed it, the output ends
	if err != nil {
		return outcome{}, err
	}
	text := make(chan string, 1)
	go func() { text <- collect(near) }()

	limit := time.AfterFunc(time.Duration(float64(j.limit)*r.scale), func() { r.kill(cmd.Process.Pid) })
	err = cmd.Wait()
	late := !limit.Stop()
	r.sweep(cmd.Process.Pid)
	_ = near.SetReadDeadline(time.Now().Add(5 * time.Second)) // somebody who escaped may hold it
	o := outcome{output: <-text}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return outcome{}, err
	}
	o.status, o.code = ending(cmd.ProcessState.Sys().(syscall.WaitStatus))
	if late {
		o.status = timedOut
	}
	return o, nil
}

func (r runner) command(j job) *exec.Cmd {
	cmd := exec.Command(path.Join(r.tree, j.program), j.args...)
	cmd.Dir = "/tmp" // some make files where they are
	if j.mark == markGuest {
		cmd.Dir = path.Join(r.tree, path.Dir(j.program)) // and some start their neighbours there
	}
	cmd.Env = []string{"PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/tmp", "TMPDIR=/tmp", "LANG=C"}
	if strings.HasPrefix(j.program, "rseq/") {
		cmd.Env = append(cmd.Env, noLibraryRseq)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if j.user == asUser {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: userID, Gid: userID}
	}
	return cmd
}

// ending is how a program ended, and its exit status.
func ending(w syscall.WaitStatus) (string, int) {
	switch code := w.ExitStatus(); {
	case w.Signaled():
		return bySignal + unix.SignalName(w.Signal()), 0
	case code == 0:
		return ended, 0
	case code == statusSkip:
		return endedSkip, code
	default:
		return endedBad, code
	}
}

// kill ends the program that leads a session, and all others of the namespace.
func (r runner) kill(pid int) {
	_ = unix.Kill(-pid, unix.SIGKILL) // its process group; gone already: as well
	if r.alone {
		_ = unix.Kill(-1, unix.SIGKILL)
	}
}

// sweep ends what a program has left running, and, as process 1, waits for it.
func (r runner) sweep(pid int) {
	r.kill(pid)
	for end := time.Now().Add(5 * time.Second); r.alone && time.Now().Before(end); {
		switch child, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); {
		case errors.Is(err, unix.ECHILD):
			return
		case child == 0:
			time.Sleep(time.Millisecond)
		}
	}
}

// collect reads a terminal to its end: EIO, when nobody has its other side open any more.
func collect(near io.Reader) string {
	var b strings.Builder
	p := make([]byte, 16<<10)
	for {
		n, err := near.Read(p)
		b.Write(p[:min(n, maxOutput-b.Len())])
		if err != nil {
			return b.String()
		}
	}
}
