package main

import (
	"exercise"
	"syscall"
	"unsafe"
)

var ops = map[string]func(question) (any, error){
	"version": version,
	"start":   start,
	"run":     run,
}

func version(q question) (any, error) {
	v, err := exercise.APIVersion(q.fds[0])
	return map[string]any{"version": v, "error": text(err)}, nil
}

func start(q question) (any, error) {
	var a struct {
		Sregs exercise.Sregs `json:"sregs"`
		Entry uint16         `json:"entry"`
	}
	q.args(&a)
	regs, sregs := exercise.StartState(a.Sregs, a.Entry)
	return map[string]any{"regs": regs, "sregs": sregs}, nil
}

// run has the memory that the grader gave executed. The registers are read here.
func run(q question) (any, error) {
	var a struct {
		Entry uint16 `json:"entry"`
	}
	q.args(&a)
	ram := mapFile(q.fds[1])
	defer syscall.Munmap(ram)
	var r struct {
		Stage string         `json:"stage"`
		Error string         `json:"error"`
		Exit  uint32         `json:"exit"`
		Regs  exercise.Regs  `json:"regs"`
		Sregs exercise.Sregs `json:"sregs"`
	}
	m, err := exercise.New(q.fds[0], ram)
	if err != nil || m == nil {
		r.Stage, r.Error = "New", text(err)
		return r, nil
	}
	defer m.Close()
	err = m.Run(a.Entry)
	r.Stage, r.Error = "Run", text(err)
	if len(m.Page) > 12 {
		r.Exit = m.ExitReason()
	}
	syscall.Syscall(syscall.SYS_IOCTL, uintptr(m.VCPU), exercise.KVM_GET_REGS, uintptr(unsafe.Pointer(&r.Regs)))
	syscall.Syscall(syscall.SYS_IOCTL, uintptr(m.VCPU), exercise.KVM_GET_SREGS, uintptr(unsafe.Pointer(&r.Sregs)))
	return r, nil
}
