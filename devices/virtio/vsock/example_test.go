package vsock_test

import (
	"context"
	"errors"
	"fmt"
	"net"

	"terem/devices/virtio"
	"terem/devices/virtio/vsock"
)

func ExampleNew() {
	d, err := vsock.New(vsock.Config{CID: 3, Dial: func(port uint32) (vsock.Stream, error) {
		c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: fmt.Sprintf("/run/guest_%d", port), Net: "unix"})
		if err != nil {
			return nil, err // the guest is refused
		}
		return c, nil
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	var _ virtio.Device = d // give it to virtio.NewMMIO
	fmt.Println(d.Info().ID == virtio.Vsock)
	// Output: true
}

func ExampleNew_badCID() {
	_, err := vsock.New(vsock.Config{CID: vsock.HostCID})
	fmt.Println(err)
	// Output: vsock: guest CID 2: want 3 to 4294967294
}

// Before the guest has a driver, nobody can be called.
func ExampleDevice_Connect() {
	d, _ := vsock.New(vsock.Config{CID: 3})
	_, err := d.Connect(context.Background(), 52, nil)
	fmt.Println(errors.Is(err, vsock.ErrDown))
	// Output: true
}
