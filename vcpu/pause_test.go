package vcpu

import (
	"testing"
)

// sequence is a bus whose reads give the bytes 0, 1, 2 and so on, each once.
type sequence struct{ next byte }

func (s *sequence) Read(_ uint64, p []byte) bool {
	for i := range p {
		p[i] = s.next
		s.next++
	}
	return true
}

func (s *sequence) Write(uint64, []byte) bool { return true }

// TestPauseWithinString pauses a guest while one instruction of it copies a string
// from device memory: each element is an access of its own, and none may be lost.
func TestPauseWithinString(t *testing.T) {
	const to, length = 0x2000, 0x3000
	code := []byte{
		0xb8, 0x00, 0xa0, // mov ax, 0xa000
		0x8e, 0xd8, // mov ds, ax
		0x31, 0xf6, // xor si, si
		0xbf, to & 0xff, to >> 8, // mov di, to
		0xb9, length & 0xff, length >> 8, // mov cx, length
		0xf3, 0xa4, // rep movsb
		0xe6, 0x80, // out 0x80, al
		0xfa, 0xf4, // cli; hlt
	}
	g := newGuest(t, code, nil)
	g.r.conf.Memory = &sequence{} // before the first Resume, which hands it over
	pauses := 0
	for ; g.ports.seen() == 0; pauses++ {
		check(t, g.r.Resume())
		check(t, g.r.Pause())
	}
	for i, b := range g.ram[to : to+length] {
		if b != byte(i) {
			t.Fatalf("element %d is %#x, want %#x, after %d pauses", i, b, byte(i), pauses)
		}
	}
	if pauses < 10 {
		t.Logf("only %d pauses", pauses)
	}
}
