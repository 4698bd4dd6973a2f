package rng_test

import (
	"fmt"

	"terem/devices/virtio"
	"terem/devices/virtio/rng"
)

func ExampleNew() {
	d, err := rng.New(rng.Config{Rate: 4096, Burst: 512})
	if err != nil {
		fmt.Println(err)
		return
	}
	var _ virtio.Device = d // give it to virtio.NewMMIO
	fmt.Println(d.Info().ID == virtio.Entropy, d.Given())
	// Output: true 0
}

func ExampleNew_tooMuch() {
	_, err := rng.New(rng.Config{Burst: 1 << 30})
	fmt.Println(err)
	// Output: entropy device: 1048576 bytes a second and 1073741824 at once: want at most 4294967296 and 1048576
}

// A restored device owes no fewer bytes than the saved one.
func ExampleDevice_Restore() {
	d, _ := rng.New(rng.Config{})
	clone, _ := rng.New(rng.Config{})
	clone.Restore(d.Save())
	fmt.Println(clone.Save().Missing)
	// Output: 0s
}
