// Command try checks a kernel of yours: go run ./try /boot/vmlinuz
//
// It does not run it: a whole machine is more than an exercise. What it prints can be compared with `file`, and `terem run --kernel` runs it.
package main

import (
	"encoding/binary"
	"fmt"
	"log"
	"os"

	"exercise"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("want a bzImage, such as /boot/vmlinuz")
	}
	image, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	const memory = 512 << 20
	ram := make([]byte, memory)
	if err := exercise.Load(ram, image, []byte("an initrd"), "console=ttyS0"); err != nil {
		log.Fatal(err)
	}
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
