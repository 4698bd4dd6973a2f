package place

import (
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports that are drawn for services: below those that kernels give to clients (32768 and more).
const (
	firstPort = 20000
	ports     = 10000
)

// Port is a port at 127.0.0.1 that nobody has on this host, and that was not given before: a machine may still have the service of
// an earlier experiment.
func (w *Workspace) Port() int {
	if w.port == 0 {
		w.port = rand.IntN(ports)
	}
	for range ports {
		w.port++
		p := firstPort + w.port%ports
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p)))
		if err == nil {
			l.Close()
			return p
		}
	}
	return firstPort // whoever needs one says that he does not reach it
}
