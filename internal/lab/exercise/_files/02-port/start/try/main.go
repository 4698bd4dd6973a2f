// Command try runs a guest that prints: go run ./try
package main

import (
	"log"
	"os"
	"runtime"
	"syscall"

	"exercise"
	"exercise/kvm"
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
	ram, err := syscall.Mmap(-1, 0, 64<<10, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANONYMOUS)
	if err != nil {
		log.Fatal(err)
	}
	const text = "Hello from real mode\n"
	copy(ram[0x2000:], text)
	copy(ram[0x1000:], []byte{
		0xbe, 0x00, 0x20, //         mov si, 0x2000
		0xb9, byte(len(text)), 0, // mov cx, len
		0xba, 0xe9, 0x00, //         mov dx, 0xe9
		0xf3, 0x6e, //               rep outsb
		0xf4, //                     hlt
	})
	if err := vm.Map(0, 0, ram); err != nil {
		log.Fatal(err)
	}
	cpu, err := vm.CreateVCPU()
	if err != nil {
		log.Fatal(err)
	}
	defer cpu.Close()
	if err := cpu.RealMode(0x1000); err != nil {
		log.Fatal(err)
	}
	if err := exercise.Run(cpu, os.Stdout); err != nil {
		log.Fatal(err)
	}
}
