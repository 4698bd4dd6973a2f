package boot

import (
	"bytes"
	"testing"

	"terem/memory"
)

// TestInitrdBehindTheHighestSegment: the segments of a file may have any order in memory.
func TestInitrdBehindTheHighestSegment(t *testing.T) {
	const ram, low, high = 4 << 20, 1 << 20, 3 << 20
	image := buildELF(low, testSegment{kind: elfPTLoad, paddr: high, data: []byte("high"), memsz: ram - high - 0x1000},
		testSegment{kind: elfPTLoad, paddr: low, data: []byte("low")})
	for _, size := range []int64{memory.PageSize, memory.PageSize + 1} {
		p := Platform{Initrd: &Initrd{R: bytes.NewReader(make([]byte, size)), Size: size}}
		_, err := bootImage(newGuest(t, ram), image, Options{}, p)
		if size == memory.PageSize {
			if err != nil {
				t.Errorf("an initrd that just fits: %v", err)
			}
			continue
		}
		wantImageError(t, err, "initrd", "do not fit between the kernel's end at 0x3ff000")
	}
}

// TestInitrdPlace: the initrd begins with a page, so it needs the room from there on, and not just as
// many bytes as it has.
func TestInitrdPlace(t *testing.T) {
	m := newGuest(t, 2<<20)
	top := m.LowEnd()
	const page = memory.PageSize
	for _, tt := range []struct {
		name  string
		size  int
		end   memory.Addr // of the kernel
		limit memory.Addr
		at    memory.Addr // zero: no room
	}{
		{"room", 100, memory.KernelBase, top, top - page},
		{"a page", page, memory.KernelBase, top, top - page},
		{"a page and a byte", page + 1, memory.KernelBase, top, top - 2*page},
		{"below a limit", 100, memory.KernelBase, top - page - 1, top - 2*page},
		{"a limit within its page", 100, memory.KernelBase, top - page/2, top - page},
		{"just behind the kernel", page + 1, top - 2*page, top, top - 2*page},
		{"its page is the kernel's last", page / 4, top - page/2, top, 0},
		{"its first page is the kernel's last", page + page/4, top - page - page/2, top, 0},
		{"one byte too many", page + 1, top - page, top, 0},
		{"no room at all", 1, top, top, 0},
		{"kernel behind the limit", 1, top, top - page, 0},
	} {
		i := &Initrd{R: bytes.NewReader(bytes.Repeat([]byte{0xa5}, tt.size)), Size: int64(tt.size)}
		s, err := i.place(m, tt.end, tt.limit)
		if tt.at == 0 {
			if err == nil {
				t.Errorf("%s: placed at %v, want an error", tt.name, s.start)
			}
			continue
		}
		if err != nil || s.start != tt.at || s.size() != uint64(tt.size) {
			t.Errorf("%s: at %v, %d bytes, %v; want %v", tt.name, s.start, s.size(), err, tt.at)
			continue
		}
		if b := bytesAt(t, m, s.start, uint64(tt.size)); b[0] != 0xa5 || b[len(b)-1] != 0xa5 {
			t.Errorf("%s: it is not there", tt.name)
		}
	}
}
