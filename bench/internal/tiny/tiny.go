package tiny

import "bytes"

// Bytes that the guests write to the serial port. No VMM's own chatter has them.
const (
	Begin = 0x02 // the first instructions run
	End   = 0x03 // the loop of Exits is over
)

// Start is an ELF file that writes Begin and resets the machine.
func Start() []byte { return image(append(mark(Begin), reset()...), nil) }

// Loop is an ELF file that writes Begin again and again: a machine that is restored from a snapshot of it writes it with its first instructions.
func Loop() []byte { return image(append(mark(Begin), 0xeb, 0xfd), nil) } // jmp to the out

// mark writes a byte to COM1's transmit register, in 32-bit or 64-bit code.
func mark(b byte) []byte {
	return []byte{
		0x66, 0xba, 0xf8, 0x03, // mov dx, 0x3f8
		0xb0, b, //                mov al, b
		0xee, //                   out dx, al
	}
}

// reset pulses the processor's reset line through the keyboard controller, and
// halts where that does nothing. The bytes mean the same in every mode.
func reset() []byte {
	return []byte{
		0xb0, 0xfe, //     mov al, 0xfe
		0xe6, 0x64, //     out 0x64, al
		0xf4,       //        1: hlt
		0xeb, 0xfd, //     jmp 1b
	}
}

// ROM is a firmware image of 64 KiB, mapped below 4 GiB, that does in real mode what
// Start does.
func ROM() []byte {
	const size, resetVector = 64 << 10, 0xfff0
	rom := bytes.Repeat([]byte{0xf4}, size)     // hlt
	code := append(mark(Begin)[1:], reset()...) // without the prefix, 16-bit code
	copy(rom, code)
	copy(rom[resetVector:], []byte{0xe9, 0x0d, 0x00}) // jmp 0: 0xfff3 + 0x0d wraps round in 16 bits
	return rom
}
