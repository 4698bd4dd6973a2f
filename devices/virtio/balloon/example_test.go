package balloon_test

import (
	"context"
	"errors"
	"fmt"

	"terem/devices/virtio"
	"terem/devices/virtio/balloon"
	"terem/memory"
)

func Example() {
	ram, err := memory.New(64 << 20)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ram.Close()
	b, err := balloon.New(balloon.Config{Memory: ram, Reporting: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	var _ virtio.Device = b // give it to virtio.NewMMIO
	err = b.SetTarget(16 << 20)
	fmt.Println(err, b.Target(), b.Actual()) // the guest has yet to follow
	// Output: <nil> 16777216 0
}

func ExampleBalloon_SetTarget() {
	ram, _ := memory.New(1 << 20)
	defer ram.Close()
	b, _ := balloon.New(balloon.Config{Memory: ram})
	fmt.Println(b.SetTarget(2 << 20))
	// Output: bad size of a balloon: 2097152 bytes: the guest has 1048576
}

func ExampleBalloon_Stats() {
	ram, _ := memory.New(1 << 20)
	defer ram.Close()
	b, _ := balloon.New(balloon.Config{Memory: ram})
	stats, err := b.Stats(context.Background())
	free, known := stats.Value(balloon.Free)
	fmt.Println(errors.Is(err, balloon.ErrNoStats), free, known) // the guest has no driver yet
	// Output: true 0 false
}

func ExampleBalloon_Restore() {
	ram, _ := memory.New(1 << 20)
	defer ram.Close()
	b, _ := balloon.New(balloon.Config{Memory: ram})
	_ = b.SetTarget(512 << 10)
	clone, _ := balloon.New(balloon.Config{Memory: ram})
	clone.Restore(b.Save())
	fmt.Println(clone.Target(), clone.Counters().Inflated, clone.Err())
	// Output: 524288 0 <nil>
}
