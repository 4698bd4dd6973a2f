package main

import (
	"syscall"

	"exercise"
	"exercise/kvm"
)

var ops = map[string]func(question) (any, error){
	"add":  add,
	"mmio": handle,
	"run":  run,
}

// slot is what a VM was told.
type slot struct {
	Slot   uint32 `json:"slot"`
	Addr   uint64 `json:"addr"`
	Size   uint64 `json:"size"`
	Region int    `json:"region"` // whose memory it is; -1: nobody's
}

// mapper is no VM, and keeps what it is told.
type mapper struct {
	regions []exercise.Region
	slots   []slot
}

func (m *mapper) Map(number uint32, gpa uint64, host []byte) error {
	s := slot{Slot: number, Addr: gpa, Size: uint64(len(host)), Region: -1}
	for i, r := range m.regions {
		if len(host) > 0 && &host[0] == &r.Host[0] {
			s.Region = i
		}
	}
	m.slots = append(m.slots, s)
	return nil
}

func add(q question) (any, error) {
	var a []struct {
		Addr uint64 `json:"addr"`
		Size uint64 `json:"size"`
	}
	q.args(&a)
	m := &mapper{}
	for _, r := range a {
		m.regions = append(m.regions, exercise.Region{Addr: r.Addr, Host: make([]byte, r.Size)})
	}
	err := exercise.AddMemory(m, append([]exercise.Region(nil), m.regions...))
	return map[string]any{"slots": m.slots, "error": text(err)}, nil
}

// device keeps what is done to it.
type device struct {
	regs  []byte
	calls []call
}

type call struct {
	Write bool   `json:"write"`
	Off   uint64 `json:"off"`
	Data  []byte `json:"data"` // of a write
	Len   int    `json:"len"`
}

func (d *device) note(c call) {
	const most = 64
	if len(d.calls) < most {
		d.calls = append(d.calls, c)
	}
}

func (d *device) Read(off uint64, p []byte) {
	d.note(call{Off: off, Len: len(p)})
	if off < uint64(len(d.regs)) {
		copy(p, d.regs[off:])
	}
}

func (d *device) Write(off uint64, p []byte) {
	d.note(call{Write: true, Off: off, Len: len(p), Data: append([]byte(nil), p[:min(len(p), 16)]...)})
	if off < uint64(len(d.regs)) {
		copy(d.regs[off:], p)
	}
}

type placed struct {
	Base  uint64 `json:"base"`
	Size  uint64 `json:"size"`
	Regs  []byte `json:"regs"`
	Page  []byte `json:"page"`
	Entry uint16 `json:"entry"`
	At    uint64 `json:"at"` // of the second region
}

func (p placed) place() exercise.Place { return exercise.Place{Base: p.Base, Size: p.Size} }

func handle(q question) (any, error) {
	var a placed
	q.args(&a)
	d := &device{regs: a.Regs}
	err := exercise.HandleMMIO(a.Page, a.place(), d)
	return map[string]any{"page": a.Page, "calls": d.calls, "regs": d.regs, "error": text(err)}, nil
}

// run has a guest with two regions, both the grader's, and the device.
func run(q question) (any, error) {
	var a placed
	q.args(&a)
	vm, err := kvm.FromFD(q.fds[0]).CreateVM()
	if err != nil {
		return nil, err
	}
	defer vm.Close()
	low, high := mapFile(q.fds[1]), mapFile(q.fds[2])
	defer syscall.Munmap(low)
	defer syscall.Munmap(high)
	d := &device{regs: a.Regs}
	if err := exercise.AddMemory(vm, []exercise.Region{{Addr: a.At, Host: high}, {Addr: 0, Host: low}}); err != nil {
		return map[string]any{"exit": exit{Error: "AddMemory: " + text(err)}}, nil
	}
	cpu, err := vm.CreateVCPU()
	if err != nil {
		return nil, err
	}
	defer cpu.Close()
	if err := cpu.RealMode(a.Entry); err != nil {
		return nil, err
	}
	m := machine{vm: vm, cpu: cpu}
	x := m.look(exercise.Run(cpu, a.place(), d))
	return map[string]any{"exit": x, "calls": d.calls, "regs": d.regs}, nil
}
