// Command try runs 64-bit code in the upper half of the address space: go run ./try
package main

import (
	"fmt"
	"log"
	"runtime"
	"syscall"

	"exercise"
	"exercise/kvm"
)

const (
	memory = 4 << 20
	virt   = 0xffffffff80000000 // where Linux has its kernel
	tables = 0x300000
)

func main() {
	runtime.LockOSThread()
	sys, err := kvm.Open()
	if err != nil {
		log.Fatal(err)
	}
	vm, err := sys.CreateVM()
	if err != nil {
		log.Fatal(err)
	}
	defer vm.Close()
	ram, err := syscall.Mmap(-1, 0, memory, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANONYMOUS)
	if err != nil {
		log.Fatal(err)
	}
	copy(ram[0x1000:], []byte{
		0x48, 0xb8, 0xef, 0xbe, 0xad, 0xde, 0xbe, 0xba, 0xfe, 0xca, // mov rax, 0xcafebabedeadbeef
		0xf4, // hlt
	})
	if err := vm.Map(0, 0, ram); err != nil {
		log.Fatal(err)
	}
	cpu, err := vm.CreateVCPU()
	if err != nil {
		log.Fatal(err)
	}
	defer cpu.Close()
	s, err := cpu.Sregs()
	if err != nil {
		log.Fatal(err)
	}
	s = exercise.LongMode(s, exercise.PageTables(ram, tables, virt, 0, memory))
	if err := cpu.SetSregs(s); err != nil {
		log.Fatal(err) // KVM knows combinations that no CPU has
	}
	if err := cpu.SetRegs(kvm.Regs{RIP: virt + 0x1000, RFLAGS: 2}); err != nil {
		log.Fatal(err)
	}
	for {
		reason, err := cpu.Run()
		if err == kvm.ErrInterrupted {
			continue
		}
		if err != nil || reason != kvm.ExitHLT {
			log.Fatalf("exit %d, %v: 8 is a triple fault", reason, err)
		}
		break
	}
	r, err := cpu.Regs()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("RAX = %#x\n", r.RAX)
}
