package snapshot

import (
	"hash/crc32"

	"terem/memory"
)

// summer sums bytes and pages of zeros; of the latter it reads none. CRC-32C is linear: what a page of zeros makes of a sum is the
// exclusive or of what it makes of each of its bits.
type summer struct {
	table   *crc32.Table
	advance [4][256]uint32 // by a page of zeros, for each byte of a sum: package crc32 inverts sums before and after
	chunk   uint32         // the sum of a whole chunk of zeros
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func newSummer() *summer {
	s := &summer{table: castagnoli()}
	zeros := make([]byte, memory.PageSize)
	for i := range s.advance {
		for bit := range 8 {
			s.advance[i][1<<bit] = ^crc32.Update(^uint32(1<<(8*i+bit)), s.table, zeros)
		}
		for b := range 256 {
			low := b & -b
			s.advance[i][b] = s.advance[i][low] ^ s.advance[i][b^low]
		}
	}
	s.chunk = s.zeros(0, chunkPages)
	return s
}

// hole is the sum of a chunk of zeros, of so many bytes.
func (s *summer) hole(size int) uint32 {
	if size == ChunkSize {
		return s.chunk
	}
	return s.zeros(0, size/memory.PageSize)
}

// bytes is a sum with b after what it is of.
func (s *summer) bytes(sum uint32, b []byte) uint32 { return crc32.Update(sum, s.table, b) }

// zeros is a sum with so many pages of zeros after what it is of.
func (s *summer) zeros(sum uint32, pages int) uint32 {
	v := ^sum
	for range pages {
		v = s.advance[0][byte(v)] ^ s.advance[1][byte(v>>8)] ^ s.advance[2][byte(v>>16)] ^ s.advance[3][byte(v>>24)]
	}
	return ^v
}
