package legacy_test

import (
	"fmt"

	"terem/devices/legacy"
)

func reset() { fmt.Println("reset") }

// in reads one byte at the start of a device.
func in(d interface{ Read(uint64, []byte) }) byte {
	p := make([]byte, 1)
	d.Read(0, p)
	return p[0]
}

// A delay loop waits for the refresh bit to change.
func ExamplePortB() {
	var b legacy.PortB
	was := in(&b) & 0x10
	for in(&b)&0x10 == was {
	}
	fmt.Println("done")
	// Output: done
}

func ExamplePortB_Save() {
	var b, clone legacy.PortB
	b.Write(0, []byte{3})
	clone.Restore(b.Save())
	fmt.Println(in(&clone))
	// Output: 3
}

func ExampleDelay() {
	var post legacy.Delay
	post.Write(0, []byte{0x2a})
	fmt.Println(in(&post))
	// Output: 42
}

func ExampleDelay_Save() {
	var d, clone legacy.Delay
	d.Write(0, []byte{9})
	clone.Restore(d.Save())
	fmt.Println(in(&clone))
	// Output: 9
}

func ExampleNewPort92() {
	d := legacy.NewPort92(reset)
	d.Write(0, []byte{3})
	// Output: reset
}

func ExamplePort92_Save() {
	fmt.Println(legacy.NewPort92(reset).Save().Value)
	// Output: 2
}

func ExampleNewPCIHost() {
	d := legacy.NewPCIHost(reset)
	d.Write(0, []byte{0, 4, 0, 0x80}) // an address, not a reset
	d.Write(1, []byte{2})
	d.Write(1, []byte{6})
	fmt.Println(in(d))
	// Output:
	// reset
	// 255
}

func ExamplePCIHost_Save() {
	d := legacy.NewPCIHost(reset)
	d.Write(1, []byte{2})
	fmt.Println(d.Save().Control)
	// Output: 2
}

func ExamplePortB_Restore() {
	var b legacy.PortB
	b.Restore(legacy.PortBState{Control: 1})
	fmt.Println(in(&b))
	// Output: 1
}

func ExampleDelay_Restore() {
	var d legacy.Delay
	d.Restore(legacy.DelayState{Code: 5})
	fmt.Println(in(&d))
	// Output: 5
}

func ExamplePort92_Restore() {
	d := legacy.NewPort92(reset)
	d.Restore(legacy.Port92State{Value: 1}) // the reset was then, not now
	fmt.Println(in(d))
	// Output: 1
}

func ExamplePCIHost_Restore() {
	d := legacy.NewPCIHost(reset)
	d.Restore(legacy.PCIHostState{Control: 2})
	fmt.Println(d.Save().Control)
	// Output: 2
}
