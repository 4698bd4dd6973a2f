// Command try stops a guest that never ends: go run ./try
package main

import (
	"fmt"
	"log"
	"os"
	"runtime"
	"syscall"
	"time"

	"exercise"
	"exercise/kvm"
)

func main() {
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
	copy(ram[0x1000:], []byte{
		0x40,       // inc ax
		0xeb, 0xfd, // jmp back
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
	thread, ended := make(chan int, 1), make(chan error, 1)
	var tid int
	r := exercise.NewRunner(cpu, func(reason uint32) error { return fmt.Errorf("exit %d", reason) }, func() {
		const tgkill = 234
		syscall.Syscall(tgkill, uintptr(os.Getpid()), uintptr(tid), uintptr(syscall.SIGURG)) // the signal that Go itself uses
	})
	go func() {
		runtime.LockOSThread()
		thread <- syscall.Gettid()
		ended <- r.Loop()
	}()
	tid = <-thread
	time.Sleep(100 * time.Millisecond)
	begin := time.Now()
	r.Stop()
	fmt.Println("Loop:", <-ended, "- Stop took", time.Since(begin))
	regs, err := cpu.Regs()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("AX = %#x, RIP = %#x\n", regs.RAX, regs.RIP)
}
