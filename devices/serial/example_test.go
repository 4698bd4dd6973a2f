package serial_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"terem/devices"
	"terem/devices/serial"
)

// controller stands for the interrupt controller.
type controller struct{ edges int }

func (c *controller) Trigger() { c.edges++ }

// ready connects a UART's port and raises RTS, as a guest's driver does.
func ready(u *serial.UART) {
	u.Write(2, []byte{0x81}) // FCR: FIFOs on
	u.Write(4, []byte{0x0b}) // MCR: OUT2, RTS, DTR
}

func Example() {
	var ports devices.Bus
	com1 := serial.New(os.Stdout, &controller{})
	if err := ports.Attach(devices.Range{Base: 0x3f8, Size: serial.Size}, "serial", com1); err != nil {
		fmt.Println(err)
	}
	for _, c := range []byte("hello\n") { // rep outsb
		ports.Write(0x3f8, []byte{c})
	}
	// Output: hello
}

func ExampleNew() {
	irq := &controller{}
	u := serial.New(os.Stdout, irq)
	ready(u)
	u.Write(1, []byte{0x02}) // IER: THR is empty, so this interrupts at once
	fmt.Println(irq.edges)
	// Output: 1
}

func ExampleUART_Receive() {
	u := serial.New(os.Stdout, &controller{})
	ready(u)
	n, err := u.Receive(context.Background(), []byte("ls"))
	p := make([]byte, 1)
	u.Read(0, p)
	fmt.Printf("%d %v %c\n", n, err, p[0])
	// Output: 2 <nil> l
}

// A guest that has not opened its port yet holds the host up, for as long as the
// host likes.
func ExampleUART_Receive_cancel() {
	u := serial.New(os.Stdout, &controller{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	fmt.Println(u.Receive(ctx, []byte("ls")))
	// Output: 0 serial: receive: context deadline exceeded
}

func ExampleUART_SendBreak() {
	u := serial.New(os.Stdout, &controller{})
	ready(u)
	if err := u.SendBreak(context.Background()); err != nil {
		fmt.Println(err)
	}
	lsr := make([]byte, 1)
	u.Read(5, lsr)
	fmt.Println("break:", lsr[0]&0x10 != 0)
	// Output: break: true
}

func ExampleUART_Read() {
	u := serial.New(os.Stdout, &controller{})
	lsr := make([]byte, 1)
	u.Read(5, lsr)
	fmt.Printf("%#x\n", lsr[0]) // THR empty, transmitter idle
	// Output: 0x60
}

func ExampleUART_Write() {
	u := serial.New(os.Stdout, &controller{})
	u.Write(0, []byte{'!'})
	// Output: !
}

func ExampleUART_Save() {
	u := serial.New(os.Stdout, &controller{})
	u.Write(7, []byte{0x5a})
	s := u.Save()

	clone := serial.New(os.Stdout, &controller{})
	clone.Restore(s)
	scr := make([]byte, 1)
	clone.Read(7, scr)
	fmt.Printf("%#x\n", scr[0])
	// Output: 0x5a
}

func ExampleUART_Restore() {
	u := serial.New(os.Stdout, &controller{})
	u.Restore(serial.State{SCR: 7})
	fmt.Println(u.Save().SCR)
	// Output: 7
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func ExampleUART_Err() {
	u := serial.New(closed{}, &controller{})
	u.Write(0, []byte{'x'})
	fmt.Println(u.Err(), u.Lost())
	// Output: serial: write to the host: broken pipe 1
}

func ExampleUART_Lost() {
	u := serial.New(closed{}, &controller{})
	u.Write(0, []byte{'x'})
	u.Write(0, []byte{'y'})
	fmt.Println(u.Lost())
	// Output: 2
}
