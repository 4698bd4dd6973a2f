// Command try saves a machine that counts, and goes on with two clones of it: go run ./try
package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"runtime"
	"syscall"

	"exercise"
	"exercise/kvm"
)

// cpu is a vCPU without interrupt chips: of the parts it has two.
type cpu struct{ *kvm.VCPU }

func (c cpu) Get(p exercise.Part) ([]byte, error) {
	switch p {
	case exercise.Regs:
		r, err := c.Regs()
		b, _ := json.Marshal(r)
		return b, err
	case exercise.Sregs:
		s, err := c.Sregs()
		b, _ := json.Marshal(s)
		return b, err
	}
	return nil, nil
}

func (c cpu) Set(p exercise.Part, state []byte) error {
	switch p {
	case exercise.Regs:
		var r kvm.Regs
		if err := json.Unmarshal(state, &r); err != nil {
			return err
		}
		return c.SetRegs(r)
	case exercise.Sregs:
		var s kvm.Sregs
		if err := json.Unmarshal(state, &s); err != nil {
			return err
		}
		return c.SetSregs(s)
	}
	return nil
}

func newMachine() (cpu, []byte) {
	sys, err := kvm.Open()
	if err != nil {
		log.Fatal(err)
	}
	vm, err := sys.CreateVM()
	if err != nil {
		log.Fatal(err)
	}
	ram, err := syscall.Mmap(-1, 0, 64<<10, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANONYMOUS)
	if err != nil {
		log.Fatal(err)
	}
	if err := vm.Map(0, 0, ram); err != nil {
		log.Fatal(err)
	}
	c, err := vm.CreateVCPU()
	if err != nil {
		log.Fatal(err)
	}
	return cpu{c}, ram
}

// count runs a guest to its next HLT.
func (c cpu) count() uint64 {
	for {
		switch reason, err := c.Run(); {
		case err == kvm.ErrInterrupted:
		case err != nil || reason != kvm.ExitHLT:
			log.Fatalf("exit %d, %v", reason, err)
		default:
			r, _ := c.Regs()
			return r.RAX
		}
	}
}

func main() {
	runtime.LockOSThread()
	c, ram := newMachine()
	copy(ram[0x1000:], []byte{0x40, 0xf4, 0xeb, 0xfc}) // inc ax; hlt; jmp back
	if err := c.RealMode(0x1000); err != nil {
		log.Fatal(err)
	}
	fmt.Println("the machine:", c.count(), c.count(), c.count())
	saved, err := exercise.Save(c)
	if err != nil {
		log.Fatal(err)
	}
	var device exercise.Random
	for range [2]int{} {
		clone, memory := newMachine()
		copy(memory, ram)
		if err := exercise.Restore(clone, saved); err != nil {
			log.Fatal(err)
		}
		var fresh [32]byte
		rand.Read(fresh[:])
		random := exercise.Clone(device, fresh)
		fmt.Printf("a clone: %d %d, random %x\n", clone.count(), clone.count(), random.Next())
	}
}
