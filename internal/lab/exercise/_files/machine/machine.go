package main

import (
	"syscall"

	"exercise/kvm"
)

// machine is a VM whose memory from address 0 on is the grader's.
type machine struct {
	vm  *kvm.VM
	cpu *kvm.VCPU
	ram []byte
}

// newMachine makes one of the descriptors of /dev/kvm and of memory.
func newMachine(dev, memory int) (m machine, err error) {
	if m.vm, err = kvm.FromFD(dev).CreateVM(); err != nil {
		return m, err
	}
	m.ram = mapFile(memory)
	if err := m.vm.Map(0, 0, m.ram); err != nil {
		return m, err
	}
	m.cpu, err = m.vm.CreateVCPU()
	return m, err
}

func (m machine) close() {
	m.cpu.Close()
	m.vm.Close()
	syscall.Munmap(m.ram)
}

// exit is how a guest was left.
type exit struct {
	Error string    `json:"error"`
	Exit  uint32    `json:"exit"`
	Regs  kvm.Regs  `json:"regs"`
	Sregs kvm.Sregs `json:"sregs"`
	Out   []byte    `json:"out"`
}

// look reads the state of the vCPU, after the student's function came back with err.
func (m machine) look(err error) exit {
	x := exit{Error: text(err), Exit: uint32(m.cpu.Page[8])}
	x.Regs, _ = m.cpu.Regs() // what cannot be read is 0
	x.Sregs, _ = m.cpu.Sregs()
	return x
}
