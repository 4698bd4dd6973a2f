// Command try measures an exit of this host's: go run ./try
package main

import (
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"runtime"
	"syscall"
	"time"

	"exercise"
	"exercise/kvm"
)

// bench is a vCPU.
type bench struct {
	cpu   *kvm.VCPU
	ram   []byte
	begin time.Time
}

func (b *bench) Now() time.Duration { return time.Since(b.begin) }

func (b *bench) Run(turns int, exits bool) {
	code := []byte{
		0x66, 0xb9, 0, 0, 0, 0, // mov ecx, turns
		0x90, 0x90, //             nop; nop, or: out 0x10, al
		0x66, 0x49, //             dec ecx
		0x75, 0xfa, //             jnz back
		0xf4, //                   hlt
	}
	binary.LittleEndian.PutUint32(code[2:], uint32(turns))
	if exits {
		copy(code[6:], []byte{0xe6, 0x10})
	}
	copy(b.ram[0x1000:], code)
	if err := b.cpu.RealMode(0x1000); err != nil {
		log.Fatal(err)
	}
	for {
		reason, err := b.cpu.Run()
		switch {
		case err == kvm.ErrInterrupted, err == nil && reason == kvm.ExitIO:
		case err == nil && reason == kvm.ExitHLT:
			return
		default:
			log.Fatalf("exit %d, %v", reason, err)
		}
	}
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
	ram, err := syscall.Mmap(-1, 0, 64<<10, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANONYMOUS)
	if err != nil {
		log.Fatal(err)
	}
	if err := vm.Map(0, 0, ram); err != nil {
		log.Fatal(err)
	}
	cpu, err := vm.CreateVCPU()
	if err != nil {
		log.Fatal(err)
	}
	defer cpu.Close()
	r := exercise.Measure(&bench{cpu, ram, time.Now()}, os.Stdout)
	fmt.Printf("an exit takes %v; half of %d samples are between %v and %v\n", r.Exit, r.Samples, r.Low, r.High)
}
