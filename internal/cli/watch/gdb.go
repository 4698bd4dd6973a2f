package watch

import (
	"net"
	"strconv"
	"strings"

	"terem/internal/fault"
	"terem/internal/vm/machine"
	"terem/internal/vm/vsock"
	"terem/vcpu/gdb"
)

// debugger waits for gdb.
type debugger struct {
	address string // as it was typed
	quiet   bool
	l       net.Listener
	server  *gdb.Server
}

// Prepare listens, and has the machine wait.
func (d *debugger) Prepare(c *machine.Config) (err error) {
	c.Debug = true
	d.l, err = listen(d.address)
	return err
}

// Begin serves whoever connects.
func (d *debugger) Begin(m *machine.Machine, say func(string, ...any)) error {
	d.server = gdb.Start(d.l, m.Debugger())
	if !d.quiet {
		say("terem: the guest waits for gdb: target remote %s\r\n", d.l.Addr())
	}
	return nil
}

// End closes the door.
func (d *debugger) End() error {
	switch {
	case d.server != nil:
		return d.server.Close()
	case d.l != nil:
		return d.l.Close()
	}
	return nil
}

// listen listens where a user has said: unix:PATH, a port on loopback, or an address and a port.
func listen(address string) (net.Listener, error) {
	bad := func(cause string, err error, mend string) error {
		return &fault.Error{Class: fault.Usage, Thing: fault.Field("GDB") + " " + address, Cause: cause, Err: err, Mend: mend}
	}
	if path, is := strings.CutPrefix(address, "unix:"); is {
		if path == "" {
			return nil, bad("it names no path", nil, "try unix:/tmp/gdb.sock")
		}
		return vsock.Private(path)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, bad("no address", nil, "try :1234, or unix:PATH")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return nil, bad("its port is no number", nil, "try "+host+":1234")
	} else if host == "" {
		return listenTCP(net.IPv4(127, 0, 0, 1), int(n), bad)
	} else if ip := net.ParseIP(host); ip != nil {
		return listenTCP(ip, int(n), bad)
	}
	return nil, bad("the address is not a number", nil, "give one of this host's, or only :"+port)
}

func listenTCP(ip net.IP, port int, bad func(string, error, string) error) (net.Listener, error) {
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: ip, Port: port})
	if err != nil {
		return nil, bad("", reason(err), "name another port, or :0 for any")
	}
	return l, nil
}
