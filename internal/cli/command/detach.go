package command

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"terem/internal/fault"
)

// A machine in the background is started by this program once more, in a session of its own. That one says its name on a pipe
// when its guest runs. What goes wrong before, it says itself: it still has the user's standard error.
const (
	detachedVar = "TEREM_DETACHED"
	readyFD     = 3
)

// detached is the pipe of a program that was started so, or nil.
func detached() *os.File {
	if os.Getenv(detachedVar) == "" {
		return nil
	}
	return os.NewFile(readyFD, "ready")
}

// detach starts this program again, with such arguments, waits until its guest runs, and prints the machine's name. The status is that of
// the program if it came to nothing.
func detach(args []string) (status int, err error) {
	failed := func(err error) (int, error) {
		return 0, &fault.Error{Class: fault.Host, Thing: fault.Field("Detach"), Err: err}
	}
	self, err := this()
	if err != nil {
		return failed(err)
	}
	ready, theirs, err := os.Pipe()
	if err != nil {
		return failed(err)
	}
	defer ready.Close()
	c := exec.Command(self, args...)
	c.Env = append(os.Environ(), detachedVar+"=1")
	c.Stderr = os.Stderr
	c.ExtraFiles = []*os.File{theirs}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = c.Start()
	theirs.Close()
	if err != nil {
		return failed(err)
	}
	name, _ := bufio.NewReader(ready).ReadString('\n')
	if name = strings.TrimSuffix(name, "\n"); name == "" {
		_ = c.Wait() // its status says it
		return endStatus(c.ProcessState), nil
	}
	_, err = fmt.Println(name)
	return 0, err
}

// this is the path of terem.
func this() (string, error) {
	if caller := os.Getenv(programVar); caller != "" { // terem-tools runs only where terem has called it
		return caller, nil
	}
	return os.Executable()
}

func endStatus(p *os.ProcessState) int {
	if w, ok := p.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return p.ExitCode()
}
