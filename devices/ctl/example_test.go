package ctl_test

import (
	"fmt"

	"terem/devices/ctl"
)

func exit(status uint8) { fmt.Println("exit", status) }
func event(e ctl.Event) { fmt.Println(e) }

func ExampleNew() {
	c := ctl.New(exit, event)
	c.Write(ctl.OffEvent, []byte{byte(ctl.Panicked)})
	c.Write(ctl.OffExit, []byte{3})
	// Output:
	// kernel panic
	// exit 3
}

func ExamplePort_Read() {
	p := make([]byte, 1)
	ctl.New(exit, event).Read(ctl.OffExit, p)
	fmt.Println(p[0] == ctl.Version)
	// Output: true
}

func ExamplePort_Write() {
	c := ctl.New(exit, event)
	c.Write(ctl.OffExit, []byte{0, byte(ctl.PowerOff)}) // one 16-bit OUT
	// Output:
	// exit 0
	// power off
}

func ExamplePort_Save() {
	c := ctl.New(exit, event)
	c.Write(ctl.OffEvent, []byte{99})
	fmt.Println(c.Save().Unknown)
	// Output: 1
}

func ExamplePort_Restore() {
	c := ctl.New(exit, event)
	c.Restore(ctl.State{Exited: true, Status: 4})
	fmt.Println(c.Save().Status)
	// Output: 4
}

func ExampleEvent_String() {
	fmt.Println(ctl.PowerOff, ctl.Event(77))
	// Output: power off unknown
}
