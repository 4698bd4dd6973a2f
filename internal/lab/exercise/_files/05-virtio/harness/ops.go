package main

import (
	"syscall"

	"exercise"
)

var ops = map[string]func(question) (any, error){"serve": serve}

type stored struct {
	Addr  uint64 `json:"addr"`
	Value uint32 `json:"value"`
}

// serve has a queue in the grader's memory served. The device turns each byte over with a key, as far as there is room.
func serve(q question) (any, error) {
	var a struct {
		Size   uint16 `json:"size"`
		Desc   uint64 `json:"desc"`
		Driver uint64 `json:"driver"`
		Device uint64 `json:"device"`
		Next   uint16 `json:"next"`
		Key    byte   `json:"key"`
	}
	q.args(&a)
	ram := mapFile(q.fds[0])
	defer syscall.Munmap(ram)
	var stores []stored
	exercise.Stored = func(addr uint64, v uint32) {
		const most = 1000
		if len(stores) < most {
			stores = append(stores, stored{addr, v})
		}
	}
	defer func() { exercise.Stored = nil }()
	queue := &exercise.Queue{RAM: ram, Size: a.Size, Desc: a.Desc, Driver: a.Driver, Device: a.Device, Next: a.Next}
	handled := 0
	served, err := queue.Serve(func(read, write [][]byte) uint32 {
		handled++
		return turn(read, write, a.Key)
	})
	return map[string]any{"served": served, "handled": handled, "next": queue.Next, "stores": stores, "error": text(err)}, nil
}

// turn writes what it reads, each byte changed by a key.
func turn(read, write [][]byte, key byte) (n uint32) {
	w := 0
	for _, r := range read {
		for _, b := range r {
			for w < len(write) && len(write[w]) == 0 {
				w++
			}
			if w == len(write) {
				return n
			}
			write[w][0], write[w] = b^key, write[w][1:]
			n++
		}
	}
	return n
}
