package vsock

import (
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"

	device "terem/devices/virtio/vsock"
)

// A listener with a full backlog is tried again.
const (
	dialRetry = 5 * time.Millisecond
	dialLimit = 2 * time.Second
)

// DialPath connects a guest that calls a port to the unix socket path_PORT. It is the device's Config.Dial.
func DialPath(path string) func(port uint32) (device.Stream, error) {
	return func(port uint32) (device.Stream, error) {
		c, err := dial(fmt.Sprintf("%s_%d", path, port))
		if err != nil {
			return nil, err
		}
		s, err := Stream(c)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		return s, nil
	}
}

func dial(path string) (*net.UnixConn, error) {
	for start := time.Now(); ; time.Sleep(dialRetry) {
		c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
		if !errors.Is(err, unix.EAGAIN) || time.Since(start) > dialLimit {
			return c, err
		}
	}
}
