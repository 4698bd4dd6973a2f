package exercise

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// mixer is a guest that reads a port for ever and makes a number of all that it was told, by instructions that were drawn: who has not
// run it, or them, does not have the number.
type mixer struct {
	code   []byte
	at     uint16 // where the number is, and behind it how often it was made
	number uint16 // there, before the first
	rounds uint32
	do     []func(bx, ax uint16) uint16
}

const (
	cliLength  = 1 // where the loop begins
	numberSize = 2
	roundsSize = 4
)

func newMixer(r *rand.Rand) *mixer {
	m := &mixer{at: uint16(0x8000 + 2*r.IntN(0x3000)), number: uint16(r.Uint32()), rounds: r.Uint32()}
	m.code = []byte{0xfa, 0xe5, 0x10} // cli; in ax, 0x10
	const few, more = 4, 6
	for range few + r.IntN(more) {
		n := uint16(r.Uint32())
		by := int(1 + n%15)
		switch r.IntN(5) {
		case 0: // xor bx, ax
			m.add(func(bx, ax uint16) uint16 { return bx ^ ax }, 0x31, 0xc3)
		case 1: // add bx, ax
			m.add(func(bx, ax uint16) uint16 { return bx + ax }, 0x01, 0xc3)
		case 2: // sub bx, ax
			m.add(func(bx, ax uint16) uint16 { return bx - ax }, 0x29, 0xc3)
		case 3: // rol bx, by
			m.add(func(bx, _ uint16) uint16 { return bits.RotateLeft16(bx, by) }, 0xc1, 0xc3, byte(by))
		case 4: // add bx, n
			m.add(func(bx, _ uint16) uint16 { return bx + n }, 0x81, 0xc3, byte(n), byte(n>>8))
		}
	}
	m.add(func(bx, ax uint16) uint16 { return bx + ax }, 0x01, 0xc3)
	m.code = append(m.code, 0x89, 0x1e, byte(m.at), byte(m.at>>8)) // mov [at], bx
	count := m.at + numberSize
	m.code = append(m.code, 0x66, 0xff, 0x06, byte(count), byte(count>>8)) // inc dword [count]
	m.code = append(m.code, 0xeb, byte(cliLength-len(m.code)-2))           // jmp back
	return m
}

func (m *mixer) add(f func(bx, ax uint16) uint16, code ...byte) {
	m.do, m.code = append(m.do, f), append(m.code, code...)
}

// of is the number for so many answers.
func (m *mixer) of(first, step uint16, answers int) (bx uint16) {
	for i := range answers {
		for _, f := range m.do {
			bx = f(bx, first+uint16(i+1)*step)
		}
	}
	return bx
}

// into writes the guest, and drawn numbers where it will write: memory that nothing was done to says so.
func (m *mixer) into(memory ram, entry uint16) error {
	if err := memory.put(int64(entry), m.code); err != nil {
		return err
	}
	made := binary.LittleEndian.AppendUint16(nil, m.number)
	return memory.put(int64(m.at), binary.LittleEndian.AppendUint32(made, m.rounds))
}

// made reads the number, and how many rounds there were.
func (m *mixer) made(memory ram) (number uint16, rounds uint32, err error) {
	b, err := memory.get(int64(m.at), numberSize+roundsSize)
	if err != nil {
		return 0, 0, err
	}
	return binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint32(b[numberSize:]) - m.rounds, nil
}
