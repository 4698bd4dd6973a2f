package main

import (
	"syscall"

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
	ram := mapFile(q.fds[1])
	defer syscall.Munmap(ram)
	image, initrd := files(q.fds[2:])
	var r struct {
		Error  string `json:"error"`
		Result []byte `json:"result"`
		Done   bool   `json:"done"`
		Last   string `json:"last"` // that the kernel said
	}
	if err := exercise.Load(ram, image[:a.Image], initrd[:a.Initrd], a.Cmdline); err != nil {
		r.Error = text(err)
		return r, nil
	}
	b, err := board.New(kvm.FromFD(q.fds[0]), ram, exercise.Kernel, exercise.ZeroPage)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	const most = 300
	b.Out = func(c byte) {
		if len(r.Last) == most {
			r.Last = r.Last[1:]
		}
		r.Last += string(rune(c))
	}
	b.Port = func(port uint16, c byte) bool {
		if port == portResult && len(r.Result) < most {
			r.Result = append(r.Result, c)
		}
		r.Done = r.Done || port == portDone
		return r.Done
	}
	r.Error = text(b.Run())
	return r, nil
}
