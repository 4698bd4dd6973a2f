package machine

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"

	"terem/devices/virtio/blk"
	"terem/devices/virtio/rng"
	"terem/devices/virtio/vsock"
	"terem/internal/fault"
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

// TestDataPathMakesNoExits: a driver's notification, and its acknowledgement of used buffers, are taken by the
// kernel. An acknowledgement of anything else is an exit.
func TestDataPathMakesNoExits(t *testing.T) {
	// mov edi, 0xd0000000 + off; mov dword [rdi], v
	store := func(off, v byte) []byte { return []byte{0xbf, off, 0, 0, 0xd0, 0xc7, 0x07, v, 0, 0, 0} }
	const notify, ack = 0x50, 0x64
	c := tinyConfig(code(store(notify, 0), store(ack, 1), store(ack, 2), out(0x5f8, 7), codeHalt))
	c.RNG, c.CountExits = &rng.Config{}, true
	m := newTiny(t, c)
	start(t, m)
	if o := waitFor(t, m); o.Kind != Exited {
		t.Fatalf("it ended so: %v", o)
	}
	r, err := m.Report()
	if err != nil {
		t.Fatal(err)
	}
	want := uint64(1)
	if !m.virtio.mapped { // then somebody has to clear the bit
		want++
	}
	i := slices.IndexFunc(r.Places, func(p Row) bool { return p.Name == "rng" })
	if i < 0 || r.Places[i].Count != want {
		t.Errorf("places %+v: want %d accesses to the device", r.Places, want)
	}
}

// TestVsock: the guest reads its CID; nobody is called in a guest without a driver, or without the device.
func TestVsock(t *testing.T) {
	for _, tt := range []struct {
		conf *vsock.Config
		want error
	}{{nil, ErrNoVsock}, {&vsock.Config{CID: 77}, vsock.ErrDown}} {
		c := tinyConfig(codeHalt)
		c.Vsock = tt.conf
		m := newTiny(t, c)
		if _, err := m.Connect(t.Context(), 1, nil); !errors.Is(err, tt.want) {
			t.Errorf("%+v: Connect: %v, want %v", tt.conf, err, tt.want)
		}
		if tt.conf != nil && config32(m, 0, 0) != 77 {
			t.Errorf("the guest reads CID %d, want 77", config32(m, 0, 0))
		}
	}
	c := tinyConfig(codeHalt)
	c.Vsock = &vsock.Config{CID: 2}
	if m, err := New(c); err == nil {
		t.Error("a guest with the host's CID", m.Close())
	}
}

// TestBalloonTarget: what the driver reads is what the balloon is to hold, in pages.
func TestBalloonTarget(t *testing.T) {
	c := tinyConfig(codeHalt)
	c.Memory, c.Balloon = 128<<20, &Balloon{Target: 1<<20 + 5000}
	if got := config32(newTiny(t, c), 0, 0); got != 257 {
		t.Errorf("the guest reads %d pages, want 257", got)
	}
}

// TestBalloonLeaves: a guest needs some memory to live on.
func TestBalloonLeaves(t *testing.T) {
	for _, tt := range []struct {
		memory, target uint64
		ok             bool
	}{{128 << 20, 0, true}, {128 << 20, 96 << 20, true}, {128 << 20, 96<<20 + 1, false}, {128 << 20, 1 << 30, false}, {16 << 20, 1, false}, {16 << 20, 0, true}} {
		c := Config{Memory: tt.memory, CPUs: 1, Balloon: &Balloon{Target: tt.target}}
		var e *fault.Error
		if err := c.validate(); (err == nil) != tt.ok || err != nil && (!errors.As(err, &e) || e.Class != fault.Usage || e.Mend == "") {
			t.Errorf("%d of %d bytes: %v", tt.target, tt.memory, err)
		}
	}
}
