// Command try runs a guest that writes to a lamp: go run ./try
package main

import (
	"fmt"
	"log"
	"runtime"
	"syscall"

	"exercise"
	"exercise/kvm"
)

// lamp has one register of a byte.
type lamp struct{ on byte }

func (l *lamp) Read(off uint64, p []byte) {
	fmt.Printf("the guest reads %d bytes at offset %d\n", len(p), off)
	for i := range p {
		p[i] = l.on
	}
}

func (l *lamp) Write(off uint64, p []byte) {
	fmt.Printf("the guest writes % x at offset %d\n", p, off)
	l.on = p[0]
}

func memory(size int) []byte {
	b, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANONYMOUS)
	if err != nil {
		log.Fatal(err)
	}
	return b
}

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
	low, high := memory(64<<10), memory(64<<10)
	copy(low[0x1000:], []byte{
		0xb8, 0x00, 0xd0, 0x8e, 0xd8, // mov ax, 0xd000; mov ds, ax
		0xc6, 0x06, 0x00, 0x00, 0x07, // mov byte [0], 7
		0xa0, 0x00, 0x00, //             mov al, [0]
		0xbb, 0x00, 0x80, 0x8e, 0xdb, // mov bx, 0x8000; mov ds, bx
		0xa2, 0x00, 0x00, //             mov [0], al
		0xf4, //                         hlt
	})
	if err := exercise.AddMemory(vm, []exercise.Region{{Addr: 0, Host: low}, {Addr: 0x80000, Host: high}}); err != nil {
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
	if err := exercise.Run(cpu, exercise.Place{Base: 0xd0000, Size: 16}, &lamp{}); err != nil {
		log.Fatal(err)
	}
	fmt.Println("in the second region:", high[0])
}
