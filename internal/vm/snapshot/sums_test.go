package snapshot

import (
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"terem/memory"
)

// TestSummer: pages of zeros that are not read sum up to the same as others.
func TestSummer(t *testing.T) {
	s := newSummer()
	r := rand.New(rand.NewPCG(1, 2))
	for pages := range 70 {
		head, tail := make([]byte, r.IntN(9000)), make([]byte, r.IntN(20))
		for _, b := range [][]byte{head, tail} {
			for i := range b {
				b[i] = byte(r.Uint32())
			}
		}
		all := append(append(head, make([]byte, pages*memory.PageSize)...), tail...)
		want := crc32.Checksum(all, castagnoli())
		if got := s.bytes(s.zeros(s.bytes(0, head), pages), tail); got != want {
			t.Errorf("%d bytes, %d pages, %d bytes: %#x, want %#x", len(head), pages, len(tail), got, want)
		}
	}
	if got, want := s.zeros(0, chunkPages), crc32.Checksum(make([]byte, ChunkSize), castagnoli()); got != want {
		t.Errorf("a chunk of zeros: %#x, want %#x", got, want)
	}
}
