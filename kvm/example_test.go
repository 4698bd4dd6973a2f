package kvm_test

import (
	"errors"
	"fmt"
	"log"
	"runtime"

	"golang.org/x/sys/unix"

	"terem/kvm"
)

// A guest of two instructions, from /dev/kvm to its first exit.
func Example() {
	sys, err := kvm.Open()
	if err != nil {
		log.Fatal(err)
	}
	defer sys.Close()
	vm, err := sys.CreateVM()
	if err != nil {
		log.Fatal(err)
	}
	defer vm.Close()
	ram, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		log.Fatal(err)
	}
	copy(ram, []byte{0xb0, '!', 0xe6, 0x80}) // mov al, '!'; out 0x80, al
	if err := vm.Map(0, 0x1000, ram, 0); err != nil {
		log.Fatal(err)
	}
	cpu, err := vm.CreateVCPU(0)
	if err != nil {
		log.Fatal(err)
	}
	defer cpu.Close()
	s, err := cpu.Sregs()
	if err != nil {
		log.Fatal(err)
	}
	s.CS.Base, s.CS.Selector = 0, 0
	if err := errors.Join(cpu.SetSregs(s), cpu.SetRegs(kvm.Regs{RIP: 0x1000, RFLAGS: 2})); err != nil {
		log.Fatal(err)
	}
	runtime.LockOSThread()
	cpu.Bind()
	reason, err := cpu.Run()
	for errors.Is(err, kvm.ErrInterrupted) {
		reason, err = cpu.Run()
	}
	fmt.Println(reason, cpu.IO().Port, err)
}

// What a host lacks.
func ExampleNeeds() {
	sys, err := kvm.Open()
	if err != nil {
		log.Fatal(err)
	}
	defer sys.Close()
	for _, n := range kvm.Needs() {
		if v, err := sys.Check(n.Cap); err != nil || v == 0 {
			fmt.Println("no", n.Name, "for", n.For)
		}
	}
}

// An interrupt line that a write to an eventfd raises.
func ExampleVM_IRQFD() {
	var vm *kvm.VM // with interrupt chips
	e, err := kvm.NewEvent()
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close()
	if err := vm.IRQFD(4, e); err != nil {
		log.Fatal(err)
	}
	_ = e.Signal() // a rising edge on line 4
}

// A counter in the kernel.
func ExampleEvent() {
	e, err := kvm.NewEvent()
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close()
	_ = e.Signal()
	_ = e.Signal()
	n, err := e.Drain()
	fmt.Println(n, err)
	// Output: 2 <nil>
}

// Errors name the ioctl and wrap the errno.
func ExampleError() {
	err := error(&kvm.Error{Op: "KVM_SET_REGS", Err: unix.EINVAL})
	fmt.Println(err)
	fmt.Println(errors.Is(err, unix.EINVAL))
	// Output:
	// KVM_SET_REGS: invalid argument
	// true
}
