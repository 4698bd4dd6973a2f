package main

import (
	"bytes"
	"runtime"
	"sync"
	"syscall"
	"time"

	"exercise"
	"exercise/board"
	"exercise/kvm"
)

// Ports that the grader's /init writes to: bytes of its result, and that it is done.
const (
	portResult = 0x510
	portDone   = 0x511
)

// linux boots a kernel whose initrd has a program that computes something.
func linux(q question) (any, error) {
	var a struct {
		Cmdline string `json:"cmdline"`
		Initrd  int    `json:"initrd"`
		Image   int    `json:"image"`
	}
	q.args(&a)
	ram := mapFile(q.fds[1]) // it stays mapped: a kernel that is too slow still runs in it
	image, initrd := files(q.fds[2:])
	if err := exercise.Load(ram, image[:a.Image], initrd[:a.Initrd], a.Cmdline); err != nil {
		return linuxSeen{Error: text(err)}, nil
	}
	b, err := board.New(kvm.FromFD(q.fds[0]), ram, exercise.Kernel, exercise.ZeroPage)
	if err != nil {
		return nil, err
	}
	w := &watch{}
	b.Out, b.Port = w.out, w.port
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		ended <- b.Run()
	}()
	const part = 9 // tenths of the time: what was seen until then says more than silence
	select {
	case err := <-ended:
		b.Close()
		syscall.Munmap(ram)
		return w.look(text(err), false), nil
	case <-time.After(time.Duration(q.Left) * time.Millisecond / 10 * part):
		return w.look("", true), nil
	}
}

// linuxSeen is what there was to be seen.
type linuxSeen struct {
	Error  string `json:"error"`
	Result []byte `json:"result"`
	Done   bool   `json:"done"`
	Late   bool   `json:"late"`
	Last   string `json:"last"` // that the kernel said
}

// watch keeps it, while the kernel runs on a thread of its own.
type watch struct {
	mu sync.Mutex
	linuxSeen
}

const most = 300

func (w *watch) out(c byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.Last) >= most {
		w.Last = w.Last[1:]
	}
	w.Last += string(rune(c & 0x7f))
}

func (w *watch) port(port uint16, c byte) (over bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if port == portResult && len(w.Result) < most {
		w.Result = append(w.Result, c)
	}
	w.Done = w.Done || port == portDone
	return w.Done
}

func (w *watch) look(failure string, late bool) linuxSeen {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.linuxSeen
	seen.Result = bytes.Clone(w.Result)
	seen.Error, seen.Late = failure, late
	return seen
}
