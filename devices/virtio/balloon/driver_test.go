package balloon

import (
	"encoding/binary"
	"os"
	"reflect"
	"testing"
	"time"

	"terem/devices/virtio/virtiotest"
	"terem/memory"
)

// reportQueue is where Linux has its reports.
const reportQueue = 3

// everything is all features of a balloon, but for PAGE_POISON, which few drivers want.
const everything = featureStats | featureOnOOM | featureReporting

// driver is a balloon and its guest.
type driver struct {
	*virtiotest.Guest
	b        *Balloon
	t        testing.TB
	answered chan struct{} // closed when the last fresh has ended
}

// attach makes a balloon with everything, and a guest that has not looked at it yet.
func attach(t testing.TB, o virtiotest.Options) *driver {
	t.Helper()
	b := &Balloon{c: Config{Reporting: true, DeflateOnOOM: true}}
	d := &driver{Guest: virtiotest.New(t, b, o), b: b, t: t}
	b.c.Memory = d.Memory // which is made by virtiotest.New
	return d
}

// up makes a balloon whose driver is up.
func up(t testing.TB, features uint64) *driver {
	t.Helper()
	d := attach(t, virtiotest.Options{})
	d.Init(features)
	return d
}

// pages makes n pages of RAM that hold something. Nobody has the n pages after them.
func (d *driver) pages(n int) (memory.Addr, []byte) {
	d.t.Helper()
	a := d.Alloc(2 * n * memory.PageSize)
	b := d.Bytes(a, n*memory.PageSize)
	for i := range b {
		b[i] = 0xa5
	}
	return a, b
}

// pfn is the number of the page at a.
func pfn(a memory.Addr) uint32 { return uint32(a / pageSize) }

// pfns is an array of page numbers as a driver lays it.
func pfns(numbers ...uint32) []byte {
	var b []byte
	for _, n := range numbers {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return b
}

// inflate gives pages to the balloon, and says what that did.
func (d *driver) inflate(arrays ...[]byte) Counters {
	d.t.Helper()
	before := d.b.Counters()
	n, _ := d.Queue(inflateQueue).Do(arrays, nil)
	want(d.t, "used length", n, 0)
	return since(d.b, before)
}

// report gives buffers in RAM to the host by a queue.
func (d *driver) report(queue int, buffers ...virtiotest.Desc) Counters {
	d.t.Helper()
	before := d.b.Counters()
	q := d.Queue(queue)
	for i, b := range buffers {
		b.Flags |= virtiotest.DescWrite
		if i+1 < len(buffers) {
			b.Flags, b.Next = b.Flags|virtiotest.DescNext, uint16(i+1)
		}
		q.SetDesc(i, b)
	}
	q.Raw(0)
	q.Notify()
	want(d.t, "used length", q.WaitUsed(virtiotest.Timeout).Len, 0)
	return since(d.b, before)
}

// since is what was counted after before.
func since(b *Balloon, before Counters) Counters {
	c := b.Counters()
	return Counters{
		Inflated: c.Inflated - before.Inflated, Reported: c.Reported - before.Reported,
		Ignored: c.Ignored - before.Ignored, Refused: c.Refused - before.Refused, Calls: c.Calls - before.Calls,
	}
}

// resident counts the pages of b that take memory of the host: bit 63 of a page's entry in
// /proc/self/pagemap (Documentation/admin-guide/mm/pagemap.rst).
func resident(t testing.TB, b []byte) int {
	t.Helper()
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	first := int64(reflect.ValueOf(b).Pointer() / memory.PageSize)
	entries := make([]byte, len(b)/memory.PageSize*8)
	if _, err := f.ReadAt(entries, first*8); err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; len(entries) > 0; entries = entries[8:] {
		n += int(binary.LittleEndian.Uint64(entries) >> 63)
	}
	return n
}

func want[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %+v, want %+v", what, got, want)
	}
}

// eventually waits until something holds; the test's own timeout is the only one.
func eventually(t testing.TB, holds func() bool) {
	t.Helper()
	for !holds() {
		if t.Context().Err() != nil {
			t.Fatal("the test has ended")
		}
		time.Sleep(100 * time.Microsecond)
	}
}
