// Command try is a driver that sends one request: go run ./try
package main

import (
	"encoding/binary"
	"fmt"
	"log"

	"exercise"
)

func main() {
	const desc, driver, device, question, answer = 0x1000, 0x2000, 0x3000, 0x4000, 0x5000
	ram := make([]byte, 64<<10)
	le := binary.LittleEndian
	n := copy(ram[question:], "hello")
	put := func(i int, addr uint64, n int, flags, next uint16) {
		d := ram[desc+16*i:]
		le.PutUint64(d, addr)
		le.PutUint32(d[8:], uint32(n))
		le.PutUint16(d[12:], flags)
		le.PutUint16(d[14:], next)
	}
	put(0, question, n, 1, 1)       // NEXT: to read
	put(1, answer, 16, 2, 0)        // WRITE
	le.PutUint16(ram[driver+4:], 0) // the chain begins at descriptor 0
	le.PutUint16(ram[driver+2:], 1) // one request

	q := &exercise.Queue{RAM: ram, Size: 8, Desc: desc, Driver: driver, Device: device}
	served, err := q.Serve(func(read, write [][]byte) uint32 {
		return uint32(copy(write[0], "you said "+string(read[0])))
	})
	if err != nil {
		log.Fatal(err)
	}
	n = int(le.Uint32(ram[device+4+4:]))
	fmt.Printf("served %d; used index %d; %d bytes: %q\n", served, le.Uint16(ram[device+2:]), n, ram[answer:answer+n])
}
