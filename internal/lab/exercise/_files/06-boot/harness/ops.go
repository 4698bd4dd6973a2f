package main

import (
	"bytes"
	"errors"
	"syscall"

	"exercise"
	"exercise/kvm"
)

var ops = map[string]func(question) (any, error){
	"e820": e820,
	"load": load,
	"run":  run,
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
	s, err := m.cpu.Sregs()
	if err != nil {
		return nil, err
	}
	s.CR0 |= 1
	s.CS = kvm.Segment{Selector: 0x10, Limit: 0xffffffff, Type: 11, S: 1, Present: 1, DB: 1, G: 1}
	data := kvm.Segment{Selector: 0x18, Limit: 0xffffffff, Type: 3, S: 1, Present: 1, DB: 1, G: 1}
	s.DS, s.ES, s.FS, s.GS, s.SS = data, data, data, data, data
	err = errors.Join(m.cpu.SetSregs(s), m.cpu.SetRegs(kvm.Regs{RIP: exercise.Kernel, RSI: exercise.ZeroPage, RFLAGS: 2}))
	if err != nil {
		return nil, err
	}
	for {
		if _, err := m.cpu.Run(); !errors.Is(err, kvm.ErrInterrupted) {
			return m.look(err), nil
		}
	}
}
