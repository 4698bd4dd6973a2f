package main

import (
	"errors"
	"syscall"

	"exercise"
	"exercise/kvm"
)

var ops = map[string]func(question) (any, error){
	"tables": tables,
	"long":   long,
	"run":    run,
}

type mapping struct {
	At   uint64 `json:"at"`
	Virt uint64 `json:"virt"`
	Phys uint64 `json:"phys"`
	Size uint64 `json:"size"`
}

// tables has tables written to the grader's memory.
func tables(q question) (any, error) {
	var m mapping
	q.args(&m)
	ram := mapFile(q.fds[0])
	defer syscall.Munmap(ram)
	return exercise.PageTables(ram, m.At, m.Virt, m.Phys, m.Size), nil
}

func long(q question) (any, error) {
	var a struct {
		Sregs kvm.Sregs `json:"sregs"`
		CR3   uint64    `json:"cr3"`
	}
	q.args(&a)
	return exercise.LongMode(a.Sregs, a.CR3), nil
}

// run executes the guest's code at a virtual address.
func run(q question) (any, error) {
	var a struct {
		mapping
		RIP uint64 `json:"rip"`
	}
	q.args(&a)
	m, err := newMachine(q.fds[0], q.fds[1])
	if err != nil {
		return nil, err
	}
	defer m.close()
	s, err := m.cpu.Sregs()
	if err != nil {
		return nil, err
	}
	cr3 := exercise.PageTables(m.ram, a.At, a.Virt, a.Phys, a.Size)
	if err := m.cpu.SetSregs(exercise.LongMode(s, cr3)); err != nil {
		return m.look(err), nil
	}
	if err := m.cpu.SetRegs(kvm.Regs{RIP: a.RIP, RFLAGS: 2}); err != nil {
		return m.look(err), nil
	}
	for {
		_, err := m.cpu.Run()
		if !errors.Is(err, kvm.ErrInterrupted) {
			return m.look(err), nil
		}
	}
}
