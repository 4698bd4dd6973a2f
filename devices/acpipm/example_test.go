package acpipm_test

import (
	"fmt"
	"time"

	"terem/devices/acpipm"
)

// sci stands for the interrupt controller.
type sci struct{}

func (sci) Set(high bool) { fmt.Println("SCI", high) }

func ExampleNew() {
	pm := acpipm.New(acpipm.Config{
		Now:      time.Now,
		SoftOff:  5,
		PowerOff: func() { fmt.Println("power off") },
	})
	pm.Control().Write(0, []byte{0, 5<<2 | 1<<5}) // SLP_TYP, SLP_EN
	// Output: power off
}

func ExampleBlock_PressPowerButton() {
	pm := acpipm.New(acpipm.Config{Now: time.Now, SCI: sci{}})
	fmt.Println(pm.PressPowerButton()) // no driver yet
	pm.Events().Write(2, []byte{0, 1}) // PM1a_EN: which asks for it now
	pm.Events().Write(0, []byte{0, 1}) // PM1a_STS: and has seen it
	fmt.Println(pm.PressPowerButton()) // once more
	// Output:
	// false
	// SCI true
	// SCI false
	// SCI true
	// true
}

func ExampleBlock_Control() {
	pm := acpipm.New(acpipm.Config{Now: time.Now})
	p := make([]byte, 2)
	pm.Control().Read(0, p)
	fmt.Println(p) // SCI_EN
	// Output: [1 0]
}

func ExampleBlock_Events() {
	pm := acpipm.New(acpipm.Config{Now: time.Now})
	pm.Events().Write(2, []byte{0, 1}) // enable the power button
	fmt.Printf("%#x\n", pm.Save().Enable)
	// Output: 0x100
}

func ExampleBlock_Timer() {
	at := time.Unix(0, 0)
	pm := acpipm.New(acpipm.Config{Now: func() time.Time { return at }})
	at = at.Add(time.Second)
	p := make([]byte, 4)
	pm.Timer().Read(0, p)
	fmt.Printf("%#x\n", p)
	// Output: 0x999e3600
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
