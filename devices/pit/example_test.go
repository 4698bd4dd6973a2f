package pit_test

import (
	"fmt"

	"terem/devices/pit"
)

func ExampleNew() {
	t := pit.New(func(s pit.State) { fmt.Println("wanted, with a count of", s.Counters[0].Count) })
	t.Write(pit.OffControl, []byte{0x34}) // counter 0, low and high, mode 2
	t.Write(0, []byte{0x9c})
	t.Write(0, []byte{0x2e})
	// Output: wanted, with a count of 11932
}
