package link

import (
	"encoding/binary"
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"terem/devices/virtio/net"
	"terem/internal/fault"
)

// ifreq is a struct ifreq (linux/if.h): a name of 16 bytes, and then what the request is about.
type ifreq [40]byte

const (
	ifreqData  = unix.IFNAMSIZ
	tunDevice  = "/dev/net/tun"
	tapFlags   = unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR
	noOffloads = 0
)

// OpenTap opens a tap interface of this host's, which must be there: terem makes none that outlives it.
func OpenTap(name string) (l *Link, mtu uint16, err error) {
	bad := func(err error, mend string) error {
		return &fault.Error{Class: fault.Host, Thing: "tap interface " + name, Err: fault.Reason(err), Mend: mend}
	}
	if name == "" || len(name) >= unix.IFNAMSIZ || strings.ContainsAny(name, "/% \x00") {
		return nil, 0, &fault.Error{Class: fault.Usage, Thing: "tap interface " + name, Cause: "no interface has such a name"}
	}
	if mtu, err = interfaceMTU(name); err != nil {
		return nil, 0, bad(err, "make it: `ip tuntap add dev "+name+" mode tap user $USER && ip link set "+name+" up`")
	}
	fd, err := unix.Open(tunDevice, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, bad(errors.Join(err), "it takes "+tunDevice+": `terem doctor`")
	}
	if l, err = Tap(fd, name); err != nil {
		mend := "only its owner or root may use it"
		if errors.Is(err, unix.EBUSY) {
			mend = "another program uses it"
		}
		return nil, 0, bad(err, mend)
	}
	return l, mtu, nil
}

// Tap makes fd, an open /dev/net/tun, that interface, and a link of it. fd is closed after an error, too.
func Tap(fd int, name string) (*Link, error) {
	r := request(name)
	binary.LittleEndian.PutUint16(r[ifreqData:], tapFlags)
	err := setInterface(fd, r)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TUNSETVNETHDRSZ, net.HeaderSize)
	}
	if err == nil {
		err = unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, noOffloads)
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	l, err := New(os.NewFile(uintptr(fd), name))
	if err == nil {
		l.tap = true
	}
	return l, err
}

// tapOffloads says what the kernel may leave to the guest: what was negotiated, and no more.
func (l *Link) tapOffloads(o net.Offloads) error {
	bits := noOffloads
	for _, b := range []struct {
		on  bool
		bit int
	}{{o.Checksum, unix.TUN_F_CSUM}, {o.TSO4, unix.TUN_F_TSO4}, {o.TSO6, unix.TUN_F_TSO6}} {
		if b.on {
			bits |= b.bit
		}
	}
	var err error
	failed := l.raw.Control(func(fd uintptr) { err = unix.IoctlSetInt(int(fd), unix.TUNSETOFFLOAD, bits) })
	return errors.Join(failed, os.NewSyscallError("TUNSETOFFLOAD", err))
}

func request(name string) *ifreq {
	r := &ifreq{}
	copy(r[:unix.IFNAMSIZ-1], name)
	return r
}

// interfaceMTU is that of an interface of this host's.
func interfaceMTU(name string) (uint16, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	r, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFMTU, r); err != nil {
		return 0, err
	}
	return uint16(min(r.Uint32(), net.MaxMTU)), nil
}
