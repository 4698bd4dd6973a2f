package net_test

import (
	"fmt"
	"time"

	"terem/devices/virtio"
	"terem/devices/virtio/net"
)

// nowhere is a backend: a wire that is plugged in nowhere.
type nowhere struct{ net.Backend }

func (nowhere) Send([][]byte) error { return nil }

func ExampleNew() {
	d, err := net.New(net.Config{Backend: nowhere{}, MAC: [6]byte{0x52, 0x54, 0, 0, 0, 1}, MTU: 9000})
	if err != nil {
		fmt.Println(err)
		return
	}
	var _ virtio.Device = d // give it to virtio.NewMMIO
	fmt.Println(d.Info().ID == virtio.Net)
	// Output: true
}

func ExampleNewPcap() {
	p, _ := net.NewPcap(printer{}, func() time.Time { return time.Unix(0, 0) }, func(error) {})
	p.Frame([][]byte{make([]byte, 40), make([]byte, 20)})
	// Output:
	// 24 bytes
	// 76 bytes
}

type printer struct{}

func (printer) Write(p []byte) (int, error) { fmt.Println(len(p), "bytes"); return len(p), nil }
