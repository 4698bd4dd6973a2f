package blk

import (
	"encoding/binary"
	"testing"

	"terem/devices/virtio"
	"terem/devices/virtio/virtiotest"
)

// driver is a block driver of one queue.
type driver struct {
	*virtiotest.Guest
	disk *Disk
	q    *virtiotest.Queue
	t    testing.TB
}

// attach makes a disk and a guest that drives it with the given features, as far as they are
// offered, and those of the transport.
func attach(t testing.TB, c Config, features uint64, o virtiotest.Options) *driver {
	t.Helper()
	disk, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	d := &driver{Guest: virtiotest.New(t, disk, o), disk: disk, t: t}
	d.up(features)
	return d
}

// everything is all features that are offered.
const everything = ^uint64(0)

func (d *driver) up(features uint64) {
	d.t.Helper()
	d.Init(features & d.Offered())
	d.q = d.Queue(0)
}

func header(kind uint32, sector uint64) []byte {
	b := make([]byte, headerSize)
	binary.LittleEndian.PutUint32(b, kind)
	binary.LittleEndian.PutUint64(b[8:], sector)
	return b
}

// span is a segment of DISCARD or WRITE_ZEROES as the driver writes it.
func span(sector uint64, sectors, flags uint32) []byte {
	b := make([]byte, segmentSize)
	binary.LittleEndian.PutUint64(b, sector)
	binary.LittleEndian.PutUint32(b[8:], sectors)
	binary.LittleEndian.PutUint32(b[12:], flags)
	return b
}

// do makes a request with data for the device and room for n bytes of answer, and returns the
// status, the answer and the used length.
func (d *driver) do(kind uint32, sector uint64, data []byte, n int) (status byte, answer []byte, used uint32) {
	d.t.Helper()
	out, in := [][]byte{header(kind, sector)}, []int{1}
	if len(data) > 0 {
		out = append(out, data)
	}
	if n > 0 {
		in = []int{n, 1}
	}
	used, all := d.q.Do(out, in)
	return all[n], all[:n], used
}

func (d *driver) write(sector uint64, data []byte) byte {
	d.t.Helper()
	status, _, _ := d.do(typeOut, sector, data, 0)
	return status
}

func (d *driver) read(sector uint64, n int) []byte {
	d.t.Helper()
	status, data, used := d.do(typeIn, sector, nil, n)
	expect(d.t, "status", status, statusOK)
	expect(d.t, "used length", used, uint32(n)+1)
	return data
}

func (d *driver) flush() byte {
	d.t.Helper()
	status, _, _ := d.do(typeFlush, 0, nil, 0)
	return status
}

// collect waits for n requests and gives their statuses by head.
func (d *driver) collect(n int) map[uint16]byte {
	d.t.Helper()
	got := map[uint16]byte{}
	for range n {
		u := d.q.WaitUsed(virtiotest.Timeout)
		w := u.Request.Written()
		got[u.Head] = w[len(w)-1]
		d.q.Free(u.Request)
	}
	return got
}

func expect[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// pattern is n bytes that tell where they belong.
func pattern(seed byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = seed + byte(i) + byte(i>>8)*3
	}
	return b
}

var _ virtio.Device = (*Disk)(nil)
