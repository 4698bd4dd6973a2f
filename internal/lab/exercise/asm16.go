package exercise

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// A sum is a small program of a guest, drawn for one question, and what it leaves in AX.
type sum struct {
	code []byte
	ax   uint16
}

// newSum draws n operations on AX and BX, in 16-bit code (Intel SDM volume 2).
func newSum(r *rand.Rand, n int) sum {
	ax, bx := uint16(r.Uint32()), uint16(r.Uint32())
	s := sum{ax: ax}
	s.add(0xb8, byte(ax), byte(ax>>8)) // mov ax, imm16
	s.add(0xbb, byte(bx), byte(bx>>8)) // mov bx, imm16
	for range n {
		switch r.IntN(6) {
		case 0:
			s.add(0x01, 0xd8) // add ax, bx
			s.ax += bx
		case 1:
			s.add(0x29, 0xd8) // sub ax, bx
			s.ax -= bx
		case 2:
			s.add(0x31, 0xd8) // xor ax, bx
			s.ax ^= bx
		case 3:
			s.add(0xf7, 0xd0) // not ax
			s.ax = ^s.ax
		case 4:
			s.add(0xd1, 0xc0) // rol ax, 1
			s.ax = bits.RotateLeft16(s.ax, 1)
		case 5:
			s.add(0x93) // xchg ax, bx
			s.ax, bx = bx, s.ax
		}
	}
	return s
}

func (s *sum) add(code ...byte) { s.code = append(s.code, code...) }

// store has AX written to an address in the segment of DS.
func (s *sum) store(at uint16) { s.add(0xa3, byte(at), byte(at>>8)) } // mov [moffs16], ax

func (s *sum) halt() { s.add(0xf4) } // hlt

func (s *sum) bytes() []byte { return binary.LittleEndian.AppendUint16(nil, s.ax) }
