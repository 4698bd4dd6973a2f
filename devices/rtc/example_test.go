package rtc_test

import (
	"fmt"
	"time"

	"terem/devices/rtc"
)

func noon() time.Time { return time.Date(2026, time.May, 4, 12, 34, 56, 0, time.UTC) }

// cmos reads a byte as a driver does: index first.
func cmos(r *rtc.RTC, index byte) byte {
	r.Write(0, []byte{index})
	p := make([]byte, 1)
	r.Read(1, p)
	return p[0]
}

func ExampleNew() {
	r := rtc.New(noon)
	fmt.Printf("%02x:%02x:%02x\n", cmos(r, 4), cmos(r, 2), cmos(r, 0))
	// Output: 12:34:56
}

func ExampleRTC_SetMemory() {
	r := rtc.New(noon)
	r.SetMemory(32<<20, 0)
	fmt.Println(int(cmos(r, 0x30))|int(cmos(r, 0x31))<<8, "KiB above 1 MiB")
	// Output: 31744 KiB above 1 MiB
}

func ExampleRTC_Read() {
	r := rtc.New(noon)
	r.Write(0, []byte{0x0d})
	p := make([]byte, 1)
	r.Read(1, p)
	fmt.Printf("battery good: %v\n", p[0]&0x80 != 0)
	// Output: battery good: true
}

func ExampleRTC_Write() {
	r := rtc.New(noon)
	r.Write(0, []byte{0x09, 0x30}) // the year, by a 16-bit OUT
	fmt.Printf("%02x%02x\n", cmos(r, 0x32), cmos(r, 0x09))
	// Output: 2030
}

func ExampleRTC_Save() {
	r := rtc.New(noon)
	r.Write(0, []byte{0x04, 0x13}) // one hour ahead
	fmt.Println(r.Save().Offset)
	// Output: 1h0m0s
}

func ExampleRTC_Restore() {
	r := rtc.New(noon)
	r.Restore(rtc.State{Offset: 4 * time.Second})
	fmt.Println(cmos(r, 2), cmos(r, 0))
	// Output: 53 0
}
