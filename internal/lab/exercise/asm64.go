package exercise

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// sum64 is as sum, in 64-bit code and with RAX and RBX.
type sum64 struct {
	code []byte
	rax  uint64
}

func newSum64(r *rand.Rand, n int) sum64 {
	rax, rbx := r.Uint64(), r.Uint64()
	g := sum64{rax: rax}
	g.add(binary.LittleEndian.AppendUint64([]byte{0x48, 0xb8}, rax)...) // mov rax, imm64
	g.add(binary.LittleEndian.AppendUint64([]byte{0x48, 0xbb}, rbx)...) // mov rbx, imm64
	for range n {
		switch r.IntN(5) {
		case 0:
			g.add(0x48, 0x01, 0xd8) // add rax, rbx
			g.rax += rbx
		case 1:
			g.add(0x48, 0x31, 0xd8) // xor rax, rbx
			g.rax ^= rbx
		case 2:
			g.add(0x48, 0xf7, 0xd0) // not rax
			g.rax = ^g.rax
		case 3:
			g.add(0x48, 0xd1, 0xc0) // rol rax, 1
			g.rax = bits.RotateLeft64(g.rax, 1)
		case 4:
			g.add(0x48, 0x93) // xchg rax, rbx
			g.rax, rbx = rbx, g.rax
		}
	}
	return g
}

func (g *sum64) add(code ...byte) { g.code = append(g.code, code...) }

// store has RAX written to a virtual address.
func (g *sum64) store(at uint64) { g.add(binary.LittleEndian.AppendUint64([]byte{0x48, 0xa3}, at)...) } // mov [moffs64], rax

func (g *sum64) halt() { g.add(0xf4) }

func (g *sum64) bytes() []byte { return binary.LittleEndian.AppendUint64(nil, g.rax) }
