package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// medium is a file in memory that logs what is done to it, and can fail.
type medium struct {
	mu     sync.Mutex
	b      []byte
	log    []event
	fail   func(e *event) error // nil: nothing fails
	damage bool                 // a write that fails is half done
	during func()               // runs within a flush; nil: nothing
}

// event is a write (data), or a flush (nil). Zeros are a write, as is a hole.
type event struct {
	off  int64
	data []byte
}

func (m *medium) do(e event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		if err := m.fail(&e); err != nil {
			if m.damage {
				half := len(e.data) / 2
				copy(m.b[e.off+int64(half):], e.data[half:])
			}
			return err
		}
	}
	m.log = append(m.log, e)
	copy(m.b[e.off:], e.data)
	return nil
}

func (m *medium) Size() int64  { return int64(len(m.b)) }
func (m *medium) Close() error { return nil }
func (m *medium) Flush() error {
	if m.during != nil {
		m.during()
	}
	return m.do(event{})
}
func (m *medium) WriteVec(iov [][]byte, off int64) error {
	return m.do(event{off, bytes.Join(iov, nil)})
}
func (m *medium) Discard(off, n int64) error             { return m.do(event{off, make([]byte, n)}) }
func (m *medium) WriteZeroes(off, n int64, _ bool) error { return m.Discard(off, n) }
func (m *medium) ReadVec(iov [][]byte, off int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range iov {
		if off < 0 || off > int64(len(m.b)) || copy(p, m.b[off:]) < len(p) {
			return io.ErrUnexpectedEOF
		}
		off += int64(len(p))
	}
	return nil
}

const (
	smallShift = 12
	smallSize  = 21<<smallShift + 3*sectorSize
)

// freshOverlay is an empty overlay in memory, with small clusters. Where they will be
// lies what writes left that a crash undid.
func freshOverlay(size int64) []byte {
	h := header{shift: smallShift, size: size, mark: baseMark{size: size, format: baseRaw}}
	b := append(h.encode(), make([]byte, h.bitmapBytes())...)
	return append(b, bytes.Repeat([]byte{0xdb}, int(h.fileSize())-len(b))...)
}

func loadSmall(t testing.TB, b, base []byte) (*overlay, *medium) {
	t.Helper()
	m := &medium{b: b}
	o, err := loadOverlay(m)
	if err != nil {
		t.Fatal(err)
	}
	o.base = &medium{b: base}
	return o, m
}

// history is what a guest did: by sector, which contents a crash may show.
type history struct {
	now  [][]byte   // contents of each sector as the guest sees them; nil: undefined
	may  [][][]byte // besides those that were flushed last: written since
	any  []bool     // undefined since the last flush
	last [][]byte   // as of the last flush; nil: undefined
}

func newHistory(base []byte) *history {
	h := &history{may: make([][][]byte, len(base)/sectorSize), any: make([]bool, len(base)/sectorSize)}
	for p := range slices.Chunk(bytes.Clone(base), sectorSize) {
		h.now = append(h.now, p)
	}
	h.last = slices.Clone(h.now)
	return h
}

// write notes contents; nil: undefined.
func (h *history) write(off int64, data []byte, n int64) {
	for i := off / sectorSize; i < (off+n)/sectorSize; i++ {
		h.now[i] = nil
		if h.any[i] = h.any[i] || data == nil; data == nil {
			continue
		}
		at := i*sectorSize - off
		h.now[i] = data[at : at+sectorSize]
		h.may[i] = append(h.may[i], h.now[i])
	}
}

func (h *history) flush() {
	h.last = slices.Clone(h.now)
	for i := range h.may {
		h.may[i], h.any[i] = nil, h.now[i] == nil
	}
}

// allows says which sector of a disk after a crash is impossible; -1: none.
func (h *history) allows(disk []byte) int {
	for i := range h.now {
		p := disk[i*sectorSize:][:sectorSize]
		if h.any[i] || h.last[i] == nil || bytes.Equal(p, h.last[i]) {
			continue
		}
		if !slices.ContainsFunc(h.may[i], func(q []byte) bool { return bytes.Equal(p, q) }) {
			return i
		}
	}
	return -1
}

// step does something random to overlay and history; a flush is noted when it has
// returned.
func step(t *testing.T, r *rand.Rand, o *overlay, h *history) {
	n := int64(1+r.IntN(20)) * sectorSize
	off := r.Int64N((smallSize-n)/sectorSize+1) * sectorSize
	var err error
	switch k := r.IntN(20); {
	case k < 11:
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		h.write(off, data, n)
		err = o.WriteVec(pieces(data, 1000), off)
	case k < 14:
		h.write(off, make([]byte, n), n)
		err = o.WriteZeroes(off, n, k == 13)
	case k < 15:
		h.write(off, nil, n)
		err = o.Discard(off, n)
	default:
		if err = o.Flush(); err == nil {
			h.flush()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestCrash stops an overlay after every write to its file. Once the process alone
// dies, so that all writes of the file are there; and several times the power fails,
// so that of the writes since the file's last flush some sectors are there and some
// not. What the guest had flushed must be there, and nothing that it never wrote.
func TestCrash(t *testing.T) {
	base := random(t, smallSize)
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 3))
		start := freshOverlay(smallSize)
		o, m := loadSmall(t, bytes.Clone(start), base)
		h := newHistory(base)
		durable := bytes.Clone(start) // all up to the file's last flush
		var loose []event             // since then
		for range 40 {
			from := len(m.log)
			before := *h
			before.last, before.may, before.any = slices.Clone(h.last), cloneAll(h.may), slices.Clone(h.any)
			step(t, r, o, h)
			// Until the step ends, what it writes may be there, and what it flushes
			// need not.
			for i := range before.may {
				before.may[i] = append(before.may[i], h.may[i]...)
				before.any[i] = before.any[i] || h.any[i]
			}
			for k, e := range m.log[from:] {
				if loose = append(loose, e); e.data == nil {
					for _, e := range loose {
						copy(durable[e.off:], e.data)
					}
					loose = nil
				}
				state := &before
				if from+k == len(m.log)-1 {
					state = h
				}
				crashAll(t, r, durable, loose, base, state, fmt.Sprintf("seed %d, event %d", seed, from+k))
			}
		}
	}
}

func cloneAll(s [][][]byte) [][][]byte {
	c := make([][][]byte, len(s))
	for i := range s {
		c[i] = slices.Clone(s[i])
	}
	return c
}

// crashAll looks at an overlay after crashes of several kinds.
func crashAll(t *testing.T, r *rand.Rand, durable []byte, loose []event, base []byte, h *history, at string) {
	t.Helper()
	for round := range 6 {
		file := bytes.Clone(durable)
		for _, e := range loose {
			for i := 0; i < len(e.data); i += sectorSize {
				if round == 0 || round > 1 && r.IntN(round) == 0 { // all, none, some
					copy(file[e.off+int64(i):], e.data[i:min(i+sectorSize, len(e.data))])
				}
			}
		}
		o, _ := loadSmall(t, file, base)
		disk := make([]byte, smallSize)
		if err := o.ReadVec([][]byte{disk}, 0); err != nil {
			t.Fatal(err)
		}
		if i := h.allows(disk); i >= 0 {
			t.Fatalf("%s, crash %d: sector %d has what it never had, or lost what was flushed", at, round, i)
		}
	}
}

// TestFailures makes single writes and flushes of the file fail. The guest sees an
// error, and everything else as it was.
func TestFailures(t *testing.T) {
	base := random(t, smallSize)
	for n := range 150 {
		o, m := loadSmall(t, freshOverlay(smallSize), base)
		m.damage = true
		m.fail = func(e *event) error {
			if n--; n == -1 && e.data != nil {
				return unix.ENOSPC
			}
			return nil
		}
		want := bytes.Clone(base)
		r := rand.New(rand.NewPCG(uint64(n), 1))
		for range 30 {
			size := int64(1+r.IntN(16)) * sectorSize
			off := r.Int64N((smallSize-size)/sectorSize+1) * sectorSize
			p := random(t, int(size))
			if err := o.WriteVec([][]byte{p}, off); err == nil {
				copy(want[off:], p)
			} else if err := o.ReadVec([][]byte{want[off : off+size]}, off); err != nil { // may be half done
				t.Fatal(err)
			}
			_ = o.Flush() // may be the one that fails
		}
		if err := o.Flush(); err != nil {
			t.Fatalf("a later flush: %v", err)
		}
		reopened, _ := loadSmall(t, m.b, base)
		for _, o := range []*overlay{o, reopened} {
			got := make([]byte, smallSize)
			if err := o.ReadVec([][]byte{got}, 0); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("read: %v, equal %v", err, bytes.Equal(got, want))
			}
		}
	}
}

// TestLostFlush: after data could not be made durable no bit vouches for it, and no
// flush succeeds.
func TestLostFlush(t *testing.T) {
	base := random(t, smallSize)
	o, m := loadSmall(t, freshOverlay(smallSize), base)
	bitmap := bytes.Clone(m.b[headerSize:][:pageSize])
	m.fail = func(e *event) error {
		if e.data == nil {
			return unix.EIO
		}
		return nil
	}
	if err := o.WriteVec([][]byte{random(t, 4096)}, 0); err != nil {
		t.Fatal(err)
	}
	if err := o.Flush(); !errors.Is(err, unix.EIO) {
		t.Fatal(err)
	}
	m.fail = nil
	if err := o.Flush(); !errors.Is(err, unix.EIO) {
		t.Errorf("the second flush: %v", err)
	}
	if !bytes.Equal(m.b[headerSize:][:pageSize], bitmap) {
		t.Error("the bitmap was written")
	}
}

// TestWriteDuringFlush: the bit of a write that comes while data is made durable must
// not go out with the others.
func TestWriteDuringFlush(t *testing.T) {
	o, m := loadSmall(t, freshOverlay(smallSize), random(t, smallSize))
	if err := o.WriteVec([][]byte{random(t, 4096)}, 0); err != nil {
		t.Fatal(err)
	}
	m.during = func() {
		m.during = nil
		if err := o.WriteVec([][]byte{random(t, 4096)}, 4096); err != nil {
			t.Error(err)
		}
	}
	for _, want := range []byte{1, 3} { // the second flush brings it
		if err := o.Flush(); err != nil {
			t.Fatal(err)
		}
		if got := m.b[headerSize]; got != want {
			t.Errorf("the bitmap begins with %#b, want %#b", got, want)
		}
	}
}
