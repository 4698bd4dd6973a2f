package machine

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"testing"

	"terem/devices/virtio/balloon"
	"terem/devices/virtio/blk"
	"terem/internal/kvmtest"
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

// config32 reads 32 bits of a device's configuration space as the guest does.
func config32(m *Machine, slot int, off uint64) uint32 {
	var b [4]byte
	m.virtio.slots[slot].mmio.Read(0x100+off, b[:])
	return binary.LittleEndian.Uint32(b[:])
}

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

func TestSetBalloon(t *testing.T) {
	c := tinyConfig(codeSpin)
	c.Balloon = &Balloon{}
	m := newTiny(t, c)
	start(t, m)
	for _, tt := range []struct {
		bytes uint64
		pages uint32
		err   error
	}{{1 << 20, 256, nil}, {5000, 1, nil}, {0, 0, nil}, {MinMemory, MinMemory / 4096, nil}, {MinMemory + 1, MinMemory / 4096, balloon.ErrTarget}} {
		if err := m.SetBalloon(tt.bytes); !errors.Is(err, tt.err) {
			t.Errorf("%d bytes: %v", tt.bytes, err)
		}
		if got := config32(m, 0, 0); got != tt.pages {
			t.Errorf("%d bytes: the guest reads %d pages, want %d", tt.bytes, got, tt.pages)
		}
	}
	if err := newTiny(t, tinyConfig(codeHalt)).SetBalloon(0); err == nil {
		t.Error("a machine without a balloon took a size for one")
	}
}

// TestBalloonLeaves: a guest needs some memory to live on.
func TestBalloonLeaves(t *testing.T) {
	for _, tt := range []struct {
		memory, target uint64
		ok             bool
	}{{128 << 20, 0, true}, {128 << 20, 96 << 20, true}, {128 << 20, 96<<20 + 1, false}, {128 << 20, 1 << 30, false}, {16 << 20, 1, false}, {16 << 20, 0, true}} {
		c := Config{Memory: tt.memory, CPUs: 1, Balloon: &Balloon{Target: tt.target}}
		var e *Error
		if err := c.validate(); (err == nil) != tt.ok || err != nil && (!errors.As(err, &e) || e.Class != Usage || e.Mend == "") {
			t.Errorf("%d of %d bytes: %v", tt.target, tt.memory, err)
		}
	}
}

// TestSetBalloonDuringClose: whoever comes too late gets an error, and the device none of it.
func TestSetBalloonDuringClose(t *testing.T) {
	leakCheck(t)
	kvmtest.Open(t)
	c := tinyConfig(codeSpin)
	c.Balloon = &Balloon{}
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	start(t, m)
	begun := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := uint64(0); m.SetBalloon(i%512*4096) == nil; i++ {
			if i == 0 {
				close(begun)
			}
		}
	})
	<-begun
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if err := m.SetBalloon(0); err == nil {
		t.Error("a closed machine took a size for its balloon")
	}
}
