package network

import (
	"encoding/json"
	"os"
	"os/exec"
	"syscall"
	"time"

	"terem/internal/fault"
	"terem/internal/sibling"
)

// Program is the name of the network process's program.
const Program = "terem-net"

// Process is a network process.
type Process struct {
	command *exec.Cmd
	life    *os.File
	words   *words
	ended   chan struct{}
}

// Start starts the network process, which gets frames and the sockets, and nothing else of this process's: a terminal is no stranger's to read, and who
// reads the standard error of a machine in the background waits until nobody has it any more. All of them stay the caller's to close.
func Start(p Plan, frames *os.File, sockets []Socket) (*Process, error) {
	failed := func(err error) (*Process, error) {
		return nil, &fault.Error{Class: fault.Host, Thing: "the network process", Err: err}
	}
	plan, err := json.Marshal(p)
	if err != nil {
		return failed(err)
	}
	path, err := sibling.Find(Program)
	if err != nil {
		return nil, err
	}
	theirs, life, err := os.Pipe()
	if err != nil {
		return failed(err)
	}
	defer theirs.Close()
	files := []*os.File{frames, theirs}
	for _, s := range sockets {
		files = append(files, s.File)
	}
	said := &words{}
	c := &exec.Cmd{
		Path: path, Args: []string{Program, string(plan)}, Env: []string{}, Stderr: said, ExtraFiles: files, Dir: "/",
		SysProcAttr: &syscall.SysProcAttr{Setsid: true}, // what is typed at terem's terminal is not for it
	}
	if err := c.Start(); err != nil {
		life.Close()
		return failed(err)
	}
	k := &Process{command: c, life: life, words: said, ended: make(chan struct{})}
	go func() {
		defer close(k.ended)
		_ = c.Wait() // how it ended, it has said
	}()
	return k, nil
}

// Why is what it says of its end, or otherwise err. It is for when the link has gone.
func (k *Process) Why(err error) error {
	select {
	case <-k.ended:
	case <-time.After(farewell):
	}
	if said := k.words.error(); said != nil {
		return said
	}
	return err
}

// Pid is its number on the host.
func (k *Process) Pid() int { return k.command.Process.Pid }

// farewell is how long the process may take to hand on what it has: it takes a quarter of a second at most.
const farewell = time.Second

// Close ends it, once it has handed on what the guest has sent.
func (k *Process) Close() error {
	err := k.life.Close()
	select {
	case <-k.ended:
	case <-time.After(farewell):
		_ = k.command.Process.Kill() // it may have ended just now
		<-k.ended
	}
	return err
}
