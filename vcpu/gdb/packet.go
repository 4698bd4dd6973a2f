package gdb

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// maxPacket is the longest packet that is taken, in bytes without its frame. gdb is told, and asks for no more memory at a time.
const maxPacket = 16 << 10

var (
	errTooLong  = errors.New("a packet that is too long")
	errStranger = errors.New("not the protocol of gdb")
)

// message is what gdb says: a packet, or one of the bytes that stand alone.
type message struct {
	kind messageKind
	text string // of a packet
}

type messageKind int

const (
	packet    messageKind = iota
	broken                // a packet whose checksum is wrong
	ack                   // '+': the last answer has come
	nack                  // '-': it has come broken
	interrupt             // Ctrl-C
)

// readMessage reads the next message:
//
//	$ text # two hexadecimal digits: the sum of the text's bytes, modulo 256
//
// The packets that gdb sends here have no byte that is escaped. Whoever says anything else outside of a packet is not gdb, and what looks like a
// packet further on is not meant as one: a browser sends whatever a page wants it to, but not without words of its own before.
func readMessage(r *bufio.Reader) (message, error) {
	b, err := r.ReadByte()
	if err != nil {
		return message{}, err
	}
	switch b {
	case '+':
		return message{kind: ack}, nil
	case '-':
		return message{kind: nack}, nil
	case 0x03:
		return message{kind: interrupt}, nil
	case '$':
		return readPacket(r)
	}
	return message{}, errStranger
}

func readPacket(r *bufio.Reader) (message, error) {
	var text []byte
	sum := byte(0)
	for {
		b, err := r.ReadByte()
		if err != nil {
			return message{}, err
		}
		switch b {
		case '#':
			return checked(r, text, sum)
		case '$': // the rest of the one before is lost
			text, sum = text[:0], 0
			continue
		}
		if len(text) == maxPacket {
			return message{}, errTooLong
		}
		text = append(text, b)
		sum += b
	}
}

func checked(r *bufio.Reader, text []byte, sum byte) (message, error) {
	var digits [2]byte
	if _, err := io.ReadFull(r, digits[:]); err != nil {
		return message{}, err
	}
	var want [1]byte
	if _, err := hex.Decode(want[:], digits[:]); err != nil || want[0] != sum {
		return message{kind: broken}, nil
	}
	return message{kind: packet, text: string(text)}, nil
}

// frame makes a packet of an answer. '}' escapes the bytes that have a meaning of their own.
func frame(text string) []byte {
	b := []byte{'$'}
	for i := range len(text) {
		switch c := text[i]; c {
		case '$', '#', '}', '*':
			b = append(b, '}', c^0x20)
		default:
			b = append(b, c)
		}
	}
	sum := byte(0)
	for _, c := range b[1:] {
		sum += c
	}
	return fmt.Appendf(b, "#%02x", sum)
}
