package i8042_test

import (
	"fmt"

	"terem/devices"
	"terem/devices/i8042"
)

// A Linux guest reboots.
func ExampleNew() {
	kbd := i8042.New(func() { fmt.Println("reset") })
	var ports devices.Bus
	_ = ports.Attach(devices.Range{Base: 0x60, Size: 1}, "i8042", kbd.Data())
	_ = ports.Attach(devices.Range{Base: 0x64, Size: 1}, "i8042", kbd.Port())
	ports.Write(0x64, []byte{0xfe})
	// Output: reset
}

func ExampleController_Data() {
	kbd := i8042.New(func() {})
	kbd.Port().Write(0, []byte{0xaa}) // self-test
	p := make([]byte, 1)
	kbd.Data().Read(0, p)
	fmt.Printf("%#x\n", p[0])
	// Output: 0x55
}

func ExampleController_Port() {
	kbd := i8042.New(func() {})
	p := make([]byte, 1)
	kbd.Port().Read(0, p)
	fmt.Printf("%#x\n", p[0])
	// Output: 0x14
}

func ExampleController_Save() {
	kbd := i8042.New(func() {})
	kbd.Port().Write(0, []byte{0xdd}) // A20 off
	clone := i8042.New(func() {})
	clone.Restore(kbd.Save())
	fmt.Println(clone.Save().Output)
	// Output: 1
}

func ExampleController_Restore() {
	kbd := i8042.New(func() {})
	kbd.Restore(i8042.State{Output: 3})
	fmt.Println(kbd.Save().Output)
	// Output: 3
}
