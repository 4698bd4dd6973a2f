package vsock

import "context"

// Ports of the host from which Connect calls: high ones, so that nobody listens there.
const (
	firstHostPort = 1 << 30
	lastHostPort  = 1<<31 - 1
)

// Connect calls a port of the guest, and gives the port of the host that it calls from. It waits until
// the guest has answered, or ctx has ended. If there is no error, the device owns s: it carries bytes
// until both directions have ended, and closes s then. Otherwise s is still the caller's.
func (d *Device) Connect(ctx context.Context, port uint32, s Stream) (hostPort uint32, err error) {
	c, result, err := d.call(port, s)
	if err != nil {
		return 0, err
	}
	select {
	case err = <-result:
	case <-ctx.Done():
		d.locked(func() {
			if c.state == calling {
				d.abort(c, ctx.Err())
				d.pump()
			}
		})
		err = <-result
	}
	return c.host, err
}

// call begins a connection.
func (d *Device) call(port uint32, s Stream) (*conn, <-chan error, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.up || d.closed {
		return nil, nil, ErrDown
	}
	p := ports{guest: port, host: d.nextPort(port)}
	c := d.add(p, calling)
	if c == nil {
		return nil, nil, ErrFull
	}
	result := make(chan error, 1)
	c.caller, c.result = s, result
	c.owe(oweRequest)
	d.pump()
	return c, result, nil
}

// nextPort gives a port of the host that has no connection with one of the guest. They are used in
// turn, since a guest may still know of an old connection.
func (d *Device) nextPort(guest uint32) uint32 {
	for {
		if d.lastPort++; d.lastPort < firstHostPort || d.lastPort > lastHostPort {
			d.lastPort = firstHostPort
		}
		if _, taken := d.conns[ports{guest: guest, host: d.lastPort}]; !taken {
			return d.lastPort
		}
	}
}
