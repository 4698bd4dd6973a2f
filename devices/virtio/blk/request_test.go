package blk

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"terem/devices/virtio/virtiotest"
)

const diskSize = 1 << 20

func TestReadWhatWasWritten(t *testing.T) {
	for _, quick := range []bool{false, true} {
		t.Run(fmt.Sprintf("quick=%v", quick), func(t *testing.T) {
			s := newStore(diskSize)
			var b Backend = s
			if quick {
				b = swift{s}
			}
			d := attach(t, Config{Backend: b, WriteCache: true}, everything, virtiotest.Options{})
			want := pattern(7, 8192)
			expect(t, "write", d.write(3, want), statusOK)
			if got := d.read(3, 8192); !bytes.Equal(got, want) {
				t.Error("read gives other bytes than were written")
			}
			if !bytes.Equal(s.look(3*512-1, 8194), slices.Concat([]byte{0}, want, []byte{0})) {
				t.Error("the bytes are elsewhere on the disk")
			}
		})
	}
}

// TestStatuses has each way in which a request can be right or wrong.
func TestStatuses(t *testing.T) {
	const last = diskSize / 512
	two := slices.Concat(span(1, 1, 0), span(4, 2, 0))
	for _, tt := range []struct {
		name   string
		kind   uint32
		sector uint64
		data   []byte
		room   int
		status byte
		used   uint32
		calls  string
	}{
		{"read", typeIn, 1, nil, 512, statusOK, 513, "[{read 512 512 1}]"},
		{"read the last sector", typeIn, last - 1, nil, 512, statusOK, 513, "[{read 1048064 512 1}]"},
		{"read past the end", typeIn, last, nil, 512, statusIOErr, 0, "[]"},
		{"read across the end", typeIn, last - 1, nil, 1024, statusIOErr, 0, "[]"},
		{"read far away", typeIn, 1<<64 - 1, nil, 512, statusIOErr, 0, "[]"},
		{"read where offsets wrap", typeIn, 1 << 55, nil, 512, statusIOErr, 0, "[]"},
		{"read a part of a sector", typeIn, 0, nil, 513, statusIOErr, 0, "[]"},
		{"read nothing", typeIn, 0, nil, 0, statusOK, 1, "[]"},
		{"read nothing at the end", typeIn, last, nil, 0, statusOK, 1, "[]"},
		{"read nothing past the end", typeIn, last + 1, nil, 0, statusIOErr, 1, "[]"},
		{"write", typeOut, 2, pattern(1, 1024), 0, statusOK, 1, "[{write 1024 1024 1}]"},
		{"write past the end", typeOut, last, pattern(1, 512), 0, statusIOErr, 1, "[]"},
		{"write across the end", typeOut, last - 1, pattern(1, 1024), 0, statusIOErr, 1, "[]"},
		{"write a part of a sector", typeOut, 0, pattern(1, 100), 0, statusIOErr, 1, "[]"},
		{"write nothing", typeOut, 0, nil, 0, statusOK, 1, "[]"},
		{"flush", typeFlush, 0, nil, 0, statusOK, 1, "[{flush 0 0 0}]"},
		{"discard", typeDiscard, 0, two, 0, statusOK, 1, "[{discard 512 512 0} {discard 2048 1024 0}]"},
		{"discard nothing", typeDiscard, 0, span(1, 0, 0), 0, statusOK, 1, "[]"},
		{"discard without segments", typeDiscard, 0, nil, 0, statusIOErr, 1, "[]"},
		{"discard half a segment", typeDiscard, 0, two[:24], 0, statusIOErr, 1, "[]"},
		{"discard, the second past the end", typeDiscard, 0, slices.Concat(span(1, 1, 0), span(last, 1, 0)), 0, statusIOErr, 1, "[]"},
		{"discard where offsets wrap", typeDiscard, 0, span(1<<55, 1, 0), 0, statusIOErr, 1, "[]"},
		{"discard with unmap", typeDiscard, 0, span(1, 1, 1), 0, statusUnsupported, 1, "[]"},
		{"discard with a reserved flag", typeDiscard, 0, span(1, 1, 2), 0, statusUnsupported, 1, "[]"},
		{"discard 17 segments", typeDiscard, 0, bytes.Repeat(span(1, 1, 0), 17), 0, statusIOErr, 1, "[]"},
		{"discard 16 segments", typeDiscard, 0, bytes.Repeat(span(1, 0, 0), 16), 0, statusOK, 1, "[]"},
		{"zero", typeWriteZeroes, 0, span(8, 8, 0), 0, statusOK, 1, "[{zero 4096 4096 0}]"},
		{"zero and unmap", typeWriteZeroes, 0, span(8, 8, 1), 0, statusOK, 1, "[{unmap 4096 4096 0}]"},
		{"zero with a reserved flag", typeWriteZeroes, 0, span(8, 8, 1<<31), 0, statusUnsupported, 1, "[]"},
		{"zero past the end", typeWriteZeroes, 0, span(last-7, 8, 0), 0, statusIOErr, 1, "[]"},
		{"ID", typeGetID, 0, nil, 20, statusOK, 21, "[]"},
		{"ID with little room", typeGetID, 0, nil, 3, statusOK, 4, "[]"},
		{"ID with no room", typeGetID, 0, nil, 0, statusOK, 1, "[]"},
		{"ID with much room", typeGetID, 0, nil, 100, statusOK, 20, "[]"},
		{"SCSI command", 2, 0, nil, 512, statusUnsupported, 0, "[]"},
		{"secure erase", 14, 0, span(1, 1, 0), 0, statusUnsupported, 1, "[]"},
		{"barrier of old", 1<<31 | typeOut, 0, pattern(1, 512), 0, statusUnsupported, 1, "[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore(diskSize)
			d := attach(t, Config{Backend: s, WriteCache: true, Discard: true, ID: "kolobok"}, everything, virtiotest.Options{})
			status, answer, used := d.do(tt.kind, tt.sector, tt.data, tt.room)
			expect(t, "status", status, tt.status)
			expect(t, "used length", used, tt.used)
			expect(t, "calls", fmt.Sprint(append([]call{}, s.take()...)), tt.calls)
			if tt.kind == typeGetID {
				id := append([]byte("kolobok"), make([]byte, 13)...)
				n := min(tt.room, len(id))
				expect(t, "ID", string(answer[:n]), string(id[:n]))
			}
			if status != statusOK && !bytes.Equal(answer, bytes.Repeat([]byte{0xa5}, tt.room)) {
				t.Error("a request that failed wrote into the driver's buffer")
			}
		})
	}
}

// TestLayouts splits one request in every way: only the order of the bytes counts.
func TestLayouts(t *testing.T) {
	s := newStore(diskSize)
	s.fill(512, pattern(9, 1024))
	d := attach(t, Config{Backend: s, WriteCache: true}, everything, virtiotest.Options{})
	whole := header(typeIn, 1)
	for _, cut := range [][]int{{}, {1}, {4}, {8}, {15}, {1, 2, 3}, {7, 9}} {
		for _, in := range [][]int{{1025}, {1024, 1}, {1, 1024}, {511, 2, 512}, {1, 1, 1, 1022}, {1023, 1, 1}} {
			for _, indirect := range []bool{false, true} {
				d.q.Indirect = indirect
				n, all := d.q.Do(split(whole, cut), in)
				if n != 1025 || all[1024] != statusOK || !bytes.Equal(all[:1024], pattern(9, 1024)) {
					t.Errorf("header cut at %v, buffers %v, indirect %v: length %d, status %d", cut, in, indirect, n, all[1024])
				}
			}
		}
	}
	data := slices.Concat(header(typeOut, 4), pattern(3, 1024))
	for _, cut := range [][]int{{}, {16}, {15}, {17}, {3, 16, 500}, {16, 528}, {100, 101, 102, 1039}} {
		s.fill(0, make([]byte, diskSize))
		n, all := d.q.Do(split(data, cut), []int{1})
		if n != 1 || all[0] != statusOK || !bytes.Equal(s.look(4*512, 1024), pattern(3, 1024)) {
			t.Errorf("write cut at %v: length %d, status %d", cut, n, all[0])
		}
	}
	zero := slices.Concat(header(typeWriteZeroes, 0), span(4, 1, 0), span(5, 1, 0))
	for _, cut := range [][]int{{}, {10, 20, 30, 40}} {
		s.fill(4*512, pattern(3, 1024))
		n, all := d.q.Do(split(zero, cut), []int{1})
		if n != 1 || all[0] != statusOK || !bytes.Equal(s.look(4*512, 1024), make([]byte, 1024)) {
			t.Errorf("zeroes cut at %v: length %d, status %d", cut, n, all[0])
		}
	}
}

// split cuts b at ascending places.
func split(b []byte, at []int) (parts [][]byte) {
	from := 0
	for _, to := range append(at, len(b)) {
		parts = append(parts, b[from:to])
		from = to
	}
	return parts
}

func TestShortHeader(t *testing.T) {
	d := attach(t, Config{Backend: newStore(diskSize)}, everything, virtiotest.Options{})
	for _, out := range [][][]byte{{header(typeIn, 0)[:15]}, {{0}}, nil} {
		n, all := d.q.Do(out, []int{1})
		expect(t, "status", all[0], statusIOErr)
		expect(t, "used length", n, 1)
	}
}

// TestNoStatus: a request that cannot be answered stops the device, and a reset starts it again.
func TestNoStatus(t *testing.T) {
	d := attach(t, Config{Backend: newStore(diskSize)}, everything, virtiotest.Options{})
	before := d.IRQ.Count()
	d.q.Submit([][]byte{header(typeOut, 0), pattern(1, 512)}, nil)
	d.q.Kick()
	eventually(t, func() bool { return d.Status()&virtiotest.StatusNeedsReset != 0 })
	eventually(t, func() bool { return d.IRQ.Count() > before })
	d.up(everything)
	expect(t, "write after the reset", d.write(0, pattern(1, 512)), statusOK)
}

func TestReadOnly(t *testing.T) {
	s := newStore(diskSize)
	d := attach(t, Config{Backend: s, ReadOnly: true, Discard: true, WriteCache: true}, everything, virtiotest.Options{})
	expect(t, "features", d.Offered()&(featureRO|featureDiscard|featureWriteZeroes|featureFlush), featureRO)
	for _, kind := range []uint32{typeOut, typeDiscard, typeWriteZeroes} {
		data := pattern(1, 512)
		if kind != typeOut {
			data = span(0, 1, 0)
		}
		status, _, _ := d.do(kind, 0, data, 0)
		expect(t, fmt.Sprint("status of ", kind), status, statusIOErr)
	}
	expect(t, "flush", d.flush(), statusOK)
	d.read(0, 512)
	d.Close()
	expect(t, "calls", fmt.Sprint(s.take()), "[{read 0 512 1}]")
}

// TestNotOffered: what was not offered is not known.
func TestNotOffered(t *testing.T) {
	d := attach(t, Config{Backend: newStore(diskSize)}, everything, virtiotest.Options{})
	status, _, _ := d.do(typeDiscard, 0, span(0, 1, 0), 0)
	expect(t, "discard", status, statusUnsupported)
}

func TestBlockSize(t *testing.T) {
	s := newStore(diskSize)
	d := attach(t, Config{Backend: s, BlockSize: 4096, WriteCache: true, Discard: true}, everything, virtiotest.Options{})
	expect(t, "aligned", d.write(8, pattern(1, 4096)), statusOK)
	expect(t, "place", d.write(1, pattern(1, 4096)), statusIOErr)
	expect(t, "length", d.write(8, pattern(1, 512)), statusIOErr)
	for _, kind := range []uint32{typeDiscard, typeWriteZeroes} {
		status, _, _ := d.do(kind, 0, span(1, 8, 0), 0)
		expect(t, "segment", status, statusIOErr)
	}
}

func TestConfigRefused(t *testing.T) {
	for name, c := range map[string]Config{
		"no backend":      {},
		"odd size":        {Backend: newStore(1000)},
		"size and block":  {Backend: newStore(512), BlockSize: 1024},
		"block of 100":    {Backend: newStore(512), BlockSize: 100},
		"block of 768":    {Backend: newStore(768), BlockSize: 768},
		"block too large": {Backend: newStore(1 << 20), BlockSize: 1 << 20},
		"long ID":         {Backend: newStore(512), ID: "twenty-one bytes long"},
		"queues":          {Backend: newStore(512), Queues: 65},
		"fewer queues":    {Backend: newStore(512), Queues: -1},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}

}
