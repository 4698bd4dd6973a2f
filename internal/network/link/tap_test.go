package link

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"terem/devices/virtio/net"
)

// TestTap: a tap interface in a network namespace of the test's own: while it is down, frames are lost, and nothing is the worse for it.
func TestTap(t *testing.T) {
	runtime.LockOSThread() // and never unlocked: the thread goes with its namespace
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("no network namespace: %v", err)
	}
	fd, err := unix.Open(tunDevice, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) || errors.Is(err, unix.ENODEV) {
		t.Skipf("no tap interfaces: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	l, err := Tap(fd, "vm0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if mtu, err := interfaceMTU("vm0"); err != nil || mtu != 1500 {
		t.Errorf("MTU %d, %v", mtu, err)
	}
	if err := l.SetOffloads(net.Offloads{Checksum: true, TSO4: true, TSO6: true}); err != nil {
		t.Error(err)
	}
	f := make([]byte, net.HeaderSize+60)
	f[net.HeaderSize+12] = 0x88 // a type of nobody's
	if err := l.Send([][]byte{f[:net.HeaderSize], f[net.HeaderSize:]}); !errors.Is(err, net.ErrDropped) {
		t.Errorf("it is down: %v", err)
	}
	up(t, "vm0")
	if err := l.Send([][]byte{f[:net.HeaderSize], f[net.HeaderSize:]}); err != nil {
		t.Errorf("it is up: %v", err)
	}
	if _, _, err := OpenTap("vm0"); err == nil {
		t.Error("it is open twice")
	}
	room := make([]byte, net.MaxFrame)
	n, err := l.Receive([][]byte{room}, true) // the kernel looks for IPv6 routers
	if err != nil || n < net.HeaderSize+14 {
		t.Errorf("from the kernel: %d, %v", n, err)
	}
}

// up sets an interface up.
func up(t *testing.T, name string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	r, err := unix.NewIfreq(name)
	if err != nil {
		t.Fatal(err)
	}
	r.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r); err != nil {
		t.Fatal(err)
	}
}
