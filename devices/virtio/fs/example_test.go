package fs_test

import (
	"fmt"

	"terem/devices/virtio/fs"
)

// nobody is a server that has no files.
type nobody struct{}

func (nobody) Serve(_, _ [][]byte) (int, error) { return 0, nil }
func (nobody) Forget()                          {}
func (nobody) Close() error                     { return nil }

func ExampleNew() {
	d, err := fs.New(fs.Config{Server: nobody{}, Tag: "share0"})
	if err != nil {
		panic(err)
	}
	fmt.Println(d.Info().ID, len(d.Info().QueueSizes))
	// Output: 26 2
}
