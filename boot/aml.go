package boot

import (
	"encoding/binary"
	"math/bits"
)

// A minimal assembler for AML, the byte code of the DSDT (ACPI 6.5 chapter 20). Each function gives
// the bytes of one term; terms nest by being passed on.

const (
	amlZero    = 0x00
	amlOne     = 0x01
	amlName    = 0x08
	amlByte    = 0x0a
	amlWord    = 0x0b
	amlDWord   = 0x0c
	amlString  = 0x0d
	amlScope   = 0x10
	amlBuffer  = 0x11
	amlPackage = 0x12
	amlExtOp   = 0x5b
	amlDevice  = 0x82 // after amlExtOp
	amlRoot    = '\\'
)

// amlNameSeg is a name of one to four characters, filled up with underscores (section 20.2.2).
func amlNameSeg(name string) []byte {
	return []byte((name + "____")[:4])
}

// amlInteger is the shortest form of a constant (section 20.2.3).
func amlInteger(v uint32) []byte {
	switch {
	case v == 0:
		return []byte{amlZero}
	case v == 1:
		return []byte{amlOne}
	case v <= 0xff:
		return []byte{amlByte, byte(v)}
	case v <= 0xffff:
		return binary.LittleEndian.AppendUint16([]byte{amlWord}, uint16(v))
	}
	return binary.LittleEndian.AppendUint32([]byte{amlDWord}, v)
}

// amlText is a string constant.
func amlText(s string) []byte {
	return append(append([]byte{amlString}, s...), 0)
}

// amlSized is op, the length of what follows, and that (section 20.2.4). The length counts its own
// one to four bytes: a single byte holds up to 63; otherwise the first has the number of bytes
// after it in bits 7..6 and the length's lowest four bits, the others eight bits each.
func amlSized(op []byte, terms ...[]byte) []byte {
	var body []byte
	for _, t := range terms {
		body = append(body, t...)
	}
	out := append([]byte(nil), op...)
	if n := len(body) + 1; n <= 0x3f {
		return append(append(out, byte(n)), body...)
	}
	extra := 1
	for bits.Len(uint(len(body)+1+extra)) > 4+8*extra {
		extra++
	}
	n := len(body) + 1 + extra
	out = append(out, byte(extra<<6|n&0xf))
	for i := range extra {
		out = append(out, byte(n>>(4+8*i)))
	}
	return append(out, body...)
}

// amlDefine is Name(name, value).
func amlDefine(name string, value []byte) []byte {
	return append(append([]byte{amlName}, amlNameSeg(name)...), value...)
}

// amlScopeSB is Scope(\_SB) with terms in it.
func amlScopeSB(terms ...[]byte) []byte {
	name := append([]byte{amlRoot}, amlNameSeg("_SB")...)
	return amlSized([]byte{amlScope}, append([][]byte{name}, terms...)...)
}

// amlDev is Device(name) with terms in it.
func amlDev(name string, terms ...[]byte) []byte {
	return amlSized([]byte{amlExtOp, amlDevice}, append([][]byte{amlNameSeg(name)}, terms...)...)
}

// amlPack is Package() with values in it.
func amlPack(values ...[]byte) []byte {
	return amlSized([]byte{amlPackage}, append([][]byte{{byte(len(values))}}, values...)...)
}

// amlBuf is Buffer() with data in it.
func amlBuf(data []byte) []byte {
	return amlSized([]byte{amlBuffer}, amlInteger(uint32(len(data))), data)
}

// amlEISAID is the EISA form of an ID of three capital letters and four hexadecimal digits: five
// bits for each letter, four for each digit, stored in big-endian order (section 19.3.4).
func amlEISAID(id string) []byte {
	v := uint32(id[0]-'@')<<26 | uint32(id[1]-'@')<<21 | uint32(id[2]-'@')<<16
	for i, c := range []byte(id[3:7]) {
		digit := uint32(c - '0')
		if c >= 'A' {
			digit = uint32(c-'A') + 10
		}
		v |= digit << (12 - 4*i)
	}
	return amlInteger(bits.ReverseBytes32(v))
}

// Resource descriptors (section 6.4), of which amlResources makes a template.
const (
	resIRQ       = 0x22 // small item, 2 bytes: a mask of the lines 0 to 15
	resIO        = 0x47 // small item, 7 bytes
	resEnd       = 0x79 // small item, 1 byte: checksum, 0 for none
	resMemory32  = 0x86 // large item: fixed range
	resInterrupt = 0x89 // large item: extended interrupt

	resDecode16   = 1
	resReadWrite  = 1
	resConsumer   = 1 << 0
	resEdge       = 1 << 1
	resActiveHigh = 0 << 2
)

// amlResources is a resource template: a buffer of descriptors and the end tag.
func amlResources(items ...[]byte) []byte {
	var data []byte
	for _, i := range items {
		data = append(data, i...)
	}
	return amlBuf(append(data, resEnd, 0))
}

// amlPorts claims n I/O ports from port on.
func amlPorts(port uint16, n byte) []byte {
	b := []byte{resIO, resDecode16}
	b = binary.LittleEndian.AppendUint16(b, port)
	b = binary.LittleEndian.AppendUint16(b, port)
	return append(b, 1, n)
}

// amlISALine claims an ISA interrupt: edge-triggered, active high, not shared.
func amlISALine(line byte) []byte {
	return binary.LittleEndian.AppendUint16([]byte{resIRQ}, 1<<line)
}

// amlMemory claims n bytes of MMIO.
func amlMemory(at, n uint32) []byte {
	b := []byte{resMemory32, 9, 0, resReadWrite}
	b = binary.LittleEndian.AppendUint32(b, at)
	return binary.LittleEndian.AppendUint32(b, n)
}

// amlGSI claims a global system interrupt: edge-triggered, active high, not shared.
func amlGSI(gsi uint32) []byte {
	b := []byte{resInterrupt, 6, 0, resConsumer | resEdge | resActiveHigh, 1}
	return binary.LittleEndian.AppendUint32(b, gsi)
}
