package vsock_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	device "terem/devices/virtio/vsock"
	"terem/internal/vm/vsock"
)

// greeter is a guest that greets. A machine is what there would be in its place.
type greeter struct{}

func (greeter) Connect(_ context.Context, port uint32, s device.Stream) (uint32, error) {
	go func() {
		fmt.Fprintf(s, "hello from port %d\n", port)
		s.Close()
	}()
	return 1 << 30, nil
}

func ExampleListen() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "v.sock")
	l, err := vsock.Listen(path, greeter{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	c, err := net.Dial("unix", path)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Fprintln(c, "CONNECT 52")
	b, err := io.ReadAll(c)
	fmt.Print(string(b), err)
	// Output:
	// OK 1073741824
	// hello from port 52
	// <nil>
}

// A connection within terem needs no descriptor.
func ExamplePipe() {
	ours, theirs := vsock.Pipe()
	go func() {
		fmt.Fprint(theirs, "as a stream")
		theirs.Close()
	}()
	b, err := io.ReadAll(ours)
	fmt.Println(string(b), err)
	// Output: as a stream <nil>
}
