package devices_test

import (
	"fmt"

	"terem/devices"
)

// lamp is a device with one register: what is written to it can be read back.
type lamp struct{ on byte }

func (l *lamp) Read(_ uint64, p []byte)  { p[0] = l.on }
func (l *lamp) Write(_ uint64, p []byte) { l.on = p[0] }

func Example() {
	var ports devices.Bus
	if err := ports.Attach(devices.Range{Base: 0x300, Size: 1}, "lamp", &lamp{}); err != nil {
		fmt.Println(err)
	}
	ports.Write(0x300, []byte{1})

	p := make([]byte, 2)
	ok := ports.Read(0x300, p) // the byte at 0x301 is nobody's
	fmt.Println(ok, p, ports.Name(0x300))
	// Output: true [1 255] lamp
}

func ExampleBus_Attach() {
	var ports devices.Bus
	fmt.Println(ports.Attach(devices.Range{Base: 0x3f8, Size: 8}, "serial", &lamp{}))
	fmt.Println(ports.Attach(devices.Range{Base: 0x3ff, Size: 2}, "lamp", &lamp{}))
	// Output:
	// <nil>
	// attach lamp at 0x3ff-0x400: overlaps serial at 0x3f8-0x3ff
}

func ExampleBus_Read() {
	var ports devices.Bus
	p := make([]byte, 4)
	fmt.Println(ports.Read(0xcfc, p), p)
	// Output: false [255 255 255 255]
}

func ExampleBus_Write() {
	var ports devices.Bus
	fmt.Println(ports.Write(0x80, []byte{0}))
	// Output: false
}

func ExampleBus_Name() {
	var ports devices.Bus
	_ = ports.Attach(devices.Range{Base: 0x3f8, Size: 8}, "serial", &lamp{})
	fmt.Printf("%q %q\n", ports.Name(0x3fd), ports.Name(0x2f8))
	// Output: "serial" ""
}

func ExampleBus_Ranges() {
	var ports devices.Bus
	_ = ports.Attach(devices.Range{Base: 0x3f8, Size: 8}, "serial", &lamp{})
	_ = ports.Attach(devices.Range{Base: 0x70, Size: 2}, "rtc", &lamp{})
	fmt.Println(ports.Ranges())
	// Output: [0x70-0x71 0x3f8-0x3ff]
}

func ExampleFill() {
	p := make([]byte, 2)
	devices.Fill(p)
	fmt.Println(p)
	// Output: [255 255]
}
