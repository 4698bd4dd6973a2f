package launch

import (
	"sync/atomic"

	device "terem/devices/virtio/vsock"
	"terem/internal/vm/agent"
	"terem/internal/vm/vsock"
)

// call is that of a guest's agent, whose program stood still when the snapshot was taken.
type call struct {
	taken atomic.Bool
	came  chan agent.Conn
}

// answer takes it, once.
func (w *warm) answer(port uint32) (device.Stream, error) {
	if port != agent.Port || w.from != WarmProgram || w.held.taken.Swap(true) {
		return nil, errNobody
	}
	ours, theirs := vsock.Pipe()
	w.held.came <- ours // it has room
	return theirs, nil
}
