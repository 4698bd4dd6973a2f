package machine

import (
	"io"
	"testing"

	"terem/devices/virtio/blk"
)

// blank is a disk of zeros that takes nothing.
type blank struct{}

func (blank) Size() int64                          { return 1 << 20 }
func (blank) ReadVec(iov [][]byte, _ int64) error  { return nil }
func (blank) WriteVec([][]byte, int64) error       { return io.ErrShortWrite }
func (blank) Flush() error                         { return nil }
func (blank) Discard(int64, int64) error           { return nil }
func (blank) WriteZeroes(int64, int64, bool) error { return nil }
func (blank) Close() error                         { return nil }

// TestDiskQueues: a disk has a queue for each vCPU, as far as there are queues.
func TestDiskQueues(t *testing.T) {
	for _, tt := range []struct{ cpus, queues int }{{1, 1}, {3, 3}, {blk.MaxQueues + 1, blk.MaxQueues}} {
		c := tinyConfig(codeHalt)
		c.CPUs, c.Disks = tt.cpus, []blk.Config{{Backend: blank{}}}
		m := newTiny(t, c)
		if got := len(m.virtio.slots[0].bells); got != tt.queues {
			t.Errorf("%d vCPUs: %d queues, want %d", tt.cpus, got, tt.queues)
		}
	}
}
