package main

import (
	"bytes"
	"errors"
	"syscall"

	"exercise"
	"exercise/board"
	"exercise/kvm"
)

var ops = map[string]func(question) (any, error){
	"e820":  e820,
	"load":  load,
	"run":   run,
	"linux": linux,
}

func e820(q question) (any, error) {
	var memory uint64
	q.args(&memory)
	list := exercise.E820(memory)
	const most = 64
	return list[:min(len(list), most)], nil
}

// files takes copies of the kernel and the initrd, which the grader gave behind memory.
func files(fds []int) (image, initrd []byte) {
	for i, b := range []*[]byte{&image, &initrd} {
		m := mapFile(fds[i])
		*b = bytes.Clone(m)
		syscall.Munmap(m)
	}
	return image, initrd
}

func load(q question) (any, error) {
	var a struct {
		Cmdline string `json:"cmdline"`
		Initrd  int    `json:"initrd"` // bytes of it
		Image   int    `json:"image"`
	}
	q.args(&a)
	ram := mapFile(q.fds[0])
	defer syscall.Munmap(ram)
	image, initrd := files(q.fds[1:])
	return text(exercise.Load(ram, image[:a.Image], initrd[:a.Initrd], a.Cmdline)), nil
}

// run executes what was loaded, by the 32-bit entry of the boot protocol.
func run(q question) (any, error) {
	var a struct {
		Cmdline string `json:"cmdline"`
		Initrd  int    `json:"initrd"`
		Image   int    `json:"image"`
	}
	q.args(&a)
	m, err := newMachine(q.fds[0], q.fds[1])
	if err != nil {
		return nil, err
	}
	defer m.close()
	image, initrd := files(q.fds[2:])
	if err := exercise.Load(m.ram, image[:a.Image], initrd[:a.Initrd], a.Cmdline); err != nil {
		return m.look(err), nil
	}
	if err := board.Protected(m.cpu, exercise.Kernel, exercise.ZeroPage); err != nil {
		return nil, err
	}
	for {
		if _, err := m.cpu.Run(); !errors.Is(err, kvm.ErrInterrupted) {
			return m.look(err), nil
		}
	}
}
