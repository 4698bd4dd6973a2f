// Command try loads a kernel by your Load, and boots it if you say so.
//
//	go run ./try KERNEL                       what is in memory then; KERNEL is a bzImage, such as /boot/vmlinuz
//	go run ./try -boot KERNEL INITRD WORD...  boots it: what it writes to the first serial port comes here; the words are its command line
//
// `terem guest path` prints where terem's own are: bzImage, and initrd. Say earlyprintk=serial,ttyS0,115200 to hear a kernel speak.
package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"
	"syscall"

	"exercise"
	"exercise/board"
	"exercise/kvm"
)

const memory = 256 << 20

func main() {
	log.SetFlags(0)
	boot := flag.Bool("boot", false, "boot it")
	flag.Parse()
	args := flag.Args()
	if len(args) < 1 || *boot && len(args) < 2 {
		log.Fatal("want KERNEL, or -boot KERNEL INITRD WORD...")
	}
	// Memory of a guest begins at a page, and stays where it is.
	ram, err := syscall.Mmap(-1, 0, memory, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANONYMOUS|syscall.MAP_NORESERVE)
	if err != nil {
		log.Fatal(err)
	}
	initrd, words := []byte("an initrd"), "console=ttyS0"
	if *boot {
		initrd, words = file(args[1]), strings.Join(args[2:], " ")
	}
	if err := exercise.Load(ram, file(args[0]), initrd, words); err != nil {
		log.Fatal(err)
	}
	if *boot {
		run(ram)
		return
	}
	show(ram)
}

func file(name string) []byte {
	b, err := os.ReadFile(name)
	if err != nil {
		log.Fatal(err)
	}
	return b
}

func run(ram []byte) {
	system, err := kvm.Open()
	if err != nil {
		log.Fatal(err)
	}
	b, err := board.New(system, ram, exercise.Kernel, exercise.ZeroPage)
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()
	b.Out = func(c byte) { os.Stdout.Write([]byte{c}) }
	fmt.Println(b.Run())
}

func show(ram []byte) {
	zero, le := ram[exercise.ZeroPage:][:4096], binary.LittleEndian
	fmt.Printf("boot protocol %d.%02d\n", zero[0x207], zero[0x206])
	fmt.Printf("kernel at %#x, needs %d MiB from there\n", exercise.Kernel, le.Uint32(zero[0x260:])>>20)
	fmt.Printf("initrd at %#x, %d bytes\n", le.Uint32(zero[0x218:]), le.Uint32(zero[0x21c:]))
	at := le.Uint32(zero[0x228:])
	fmt.Printf("command line at %#x: %.20q\n", at, ram[at:][:20])
	for i := 0; i < int(zero[0x1e8]); i++ {
		e := zero[0x2d0+20*i:]
		fmt.Printf("memory %#x + %#x, type %d\n", le.Uint64(e), le.Uint64(e[8:]), le.Uint32(e[16:]))
	}
}
