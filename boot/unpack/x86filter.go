package unpack

import (
	"encoding/binary"
	"io"
)

// x86Filter undoes xz's x86 filter, which replaced the relative operand of each CALL (e8) and JMP
// (e9) by the absolute one, because the same absolute address recurs where relative ones differ.
// There is no telling code from data, so an opcode counts only if the operand's high byte is 00 or
// ff, and one that begins inside the operand of a candidate shortly before it counts only if that
// candidate's bytes make it unambiguous. The rules have no other specification than the LZMA SDK's
// and XZ Utils' decoders (src/liblzma/simple/x86.c).
type x86Filter struct {
	r    io.Reader
	err  error
	buf  []byte
	next int    // buf[next:rdy] is decoded and not read yet
	rdy  int    // buf[rdy:] still needs the bytes after it
	pos  uint32 // of buf[rdy] in the data
	mask uint32 // which of the last three bytes were opcodes that did not count: bit 0 the latest
}

const (
	x86BufSize = 64 << 10
	x86Operand = 4
)

func newX86Filter(r io.Reader) *x86Filter {
	return &x86Filter{r: r, buf: make([]byte, 0, x86BufSize)}
}

// Read implements io.Reader.
func (f *x86Filter) Read(p []byte) (int, error) {
	for f.next == f.rdy {
		if f.err != nil {
			return 0, f.err
		}
		f.refill()
	}
	n := copy(p, f.buf[f.next:f.rdy])
	f.next += n
	return n, nil
}

// refill moves the undecided rest to the front, reads on and decodes.
func (f *x86Filter) refill() {
	n := copy(f.buf[:cap(f.buf)], f.buf[f.rdy:])
	m, err := f.r.Read(f.buf[n:cap(f.buf)])
	f.buf, f.next, f.rdy = f.buf[:n+m], 0, 0
	f.err = err
	done := f.decode(f.buf)
	f.rdy = done
	f.pos += uint32(done)
	if err != nil {
		f.rdy = len(f.buf) // an operand cut off by the end stays as it is
	}
}

// isSign reports whether b can be the high byte of a near address.
func isSign(b byte) bool { return b == 0x00 || b == 0xff }

// decode undoes the filter in b as far as operands are complete and says how far that is.
func (f *x86Filter) decode(b []byte) int {
	i := 0
	for i+x86Operand < len(b) {
		if b[i]&0xfe != 0xe8 {
			f.mask = f.mask << 1 & 7
			i++
			continue
		}
		if !f.counts(b[i+1:]) {
			f.mask = (f.mask<<1 | 1) & 7
			i++
			continue
		}
		operand := b[i+1 : i+1+x86Operand]
		src := binary.LittleEndian.Uint32(operand)
		binary.LittleEndian.PutUint32(operand, f.relative(src, f.pos+uint32(i)+1+x86Operand))
		f.mask = 0
		i += 1 + x86Operand
	}
	return i
}

// earlier is how many bytes before the present one the single rejected opcode in the mask lies, and
// whether there is at most one: with more, nothing can be told.
func (f *x86Filter) earlier() (n int, single bool) {
	switch f.mask {
	case 0:
		return 0, true
	case 1, 2:
		return int(f.mask), true
	case 4:
		return 3, true
	}
	return 0, false
}

// counts reports whether the opcode before b was taken for one by the encoder. An earlier opcode
// whose operand's high byte looks like a sign was ambiguous, so then this one was left alone.
func (f *x86Filter) counts(b []byte) bool {
	n, single := f.earlier()
	if !single || n > 0 && isSign(b[x86Operand-1-n]) {
		return false
	}
	return isSign(b[x86Operand-1])
}

// relative turns the absolute operand src of an instruction that ends at end back into a relative
// one of 25 bits with sign. If an earlier opcode overlaps, its high byte must not come out as a sign,
// for the encoder had to be undone by the same rules: such results were complemented until they fit.
func (f *x86Filter) relative(src, end uint32) uint32 {
	const signBit = 1 << 24
	n, _ := f.earlier()
	dest := src - end
	for shift := 8 * uint32(n); n > 0 && isSign(byte(dest>>(24-shift))); {
		src = dest ^ (1<<(32-shift) - 1)
		dest = src - end
	}
	dest &= signBit<<1 - 1
	if dest&signBit != 0 {
		dest |= ^uint32(signBit<<1 - 1)
	}
	return dest
}
