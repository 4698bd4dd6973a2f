package acpipm_test

import (
	"fmt"
	"time"

	"terem/devices/acpipm"
)

// sci stands for the interrupt controller.
type sci struct{}

func (sci) Trigger() { fmt.Println("SCI") }

func ExampleNew() {
	pm := acpipm.New(acpipm.Config{
		Now:      time.Now,
		PowerOff: func() { fmt.Println("power off") },
		Reset:    func() { fmt.Println("reset") },
	})
	pm.Write(acpipm.OffControl+1, []byte{acpipm.S5<<2 | 1<<5}) // SLP_TYP, SLP_EN
	pm.Write(acpipm.OffReset, []byte{acpipm.ResetValue})
	// Output:
	// power off
	// reset
}

func ExampleBlock_PressPowerButton() {
	pm := acpipm.New(acpipm.Config{Now: time.Now, SCI: sci{}})
	fmt.Println(pm.PressPowerButton()) // no driver yet
	pm.Write(acpipm.OffEvent+3, []byte{1})
	fmt.Println(pm.PressPowerButton())
	// Output:
	// false
	// SCI
	// true
}

func ExampleBlock_Read() {
	pm := acpipm.New(acpipm.Config{Now: time.Now})
	p := make([]byte, 2)
	pm.Read(acpipm.OffControl, p)
	fmt.Println(p) // SCI_EN
	// Output: [1 0]
}

func ExampleBlock_Write() {
	pm := acpipm.New(acpipm.Config{Now: time.Now})
	pm.Write(acpipm.OffEvent+2, []byte{0, 1}) // enable the power button
	fmt.Printf("%#x\n", pm.Save().Enable)
	// Output: 0x100
}

func ExampleBlock_Save() {
	at := time.Unix(0, 0)
	pm := acpipm.New(acpipm.Config{Now: func() time.Time { return at }})
	at = at.Add(time.Second)
	fmt.Println(pm.Save().Timer)
	// Output: 3579545
}

func ExampleBlock_Restore() {
	at := time.Unix(0, 0)
	pm := acpipm.New(acpipm.Config{Now: func() time.Time { return at }})
	pm.Restore(acpipm.State{Timer: 1000})
	fmt.Println(pm.Save().Timer)
	// Output: 1000
}
