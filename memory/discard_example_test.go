package memory_test

import (
	"fmt"

	"terem/memory"
)

func ExampleGuest_Discard() {
	g, err := memory.New(1 << 20)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer g.Close()
	ram, _ := g.Slice(0, 2*memory.PageSize)
	ram[0], ram[memory.PageSize] = 1, 2
	err = g.Discard(0, memory.PageSize)
	fmt.Println(err, ram[0], ram[memory.PageSize])
	// Output: <nil> 0 2
}
