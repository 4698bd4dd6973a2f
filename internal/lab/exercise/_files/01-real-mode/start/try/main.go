// Command try runs the eight bytes: go run ./try
package main

import (
	"fmt"
	"log"
	"os"
	"runtime"
	"syscall"

	"exercise"
)

func main() {
	runtime.LockOSThread()
	kvm, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		log.Fatal(err)
	}
	version, err := exercise.APIVersion(int(kvm.Fd()))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("KVM's interface has version", version)

	ram, err := syscall.Mmap(-1, 0, 64<<10, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANONYMOUS)
	if err != nil {
		log.Fatal(err)
	}
	const entry = 0x1000
	copy(ram[entry:], []byte{
		0xb0, 0x28, //       mov al, 40
		0x04, 0x02, //       add al, 2
		0xa2, 0x00, 0x20, // mov [0x2000], al
		0xf4, //             hlt
	})
	m, err := exercise.New(int(kvm.Fd()), ram)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	if err := m.Run(entry); err != nil {
		log.Fatal(err)
	}
	fmt.Println("40 + 2 =", ram[0x2000])
}
