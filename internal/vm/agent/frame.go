package agent

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"syscall"
)

// A frame: its kind, a length of 32 bits, and so many bytes.
const (
	header   = 5
	maxFrame = 32768
)

type kind byte

// What the host says.
const (
	start     kind = 1
	stdin     kind = 2
	stdinEOF  kind = 3
	resize    kind = 4
	signal    kind = 5
	signalAll kind = 6
	goOn      kind = 7
)

// What the guest says.
const (
	stdout  kind = 16
	stderr  kind = 17
	exit    kind = 18
	failure kind = 19
	started kind = 20
	taken   kind = 21
	held    kind = 22
)

// window is how many bytes of STDIN may be on their way.
const window = 16384

// appendFrame appends a frame to b.
func appendFrame(b []byte, k kind, payload ...byte) []byte {
	b = append(b, byte(k))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	return append(b, payload...)
}

// A frame's head as it came.
type head struct {
	kind kind
	size int // at most maxFrame
}

// next reads the head of the next frame.
func next(r *bufio.Reader) (head, error) {
	b, err := r.Peek(header)
	if err != nil {
		return head{}, gone(err)
	}
	k, size := kind(b[0]), binary.LittleEndian.Uint32(b[1:])
	if size > maxFrame {
		return head{}, protocol("a frame of %d bytes, and %d is the most", size, maxFrame)
	}
	_, err = r.Discard(header) // which was there
	return head{k, int(size)}, err
}

// pass gives w the bytes of a frame as they come.
func pass(w io.Writer, r *bufio.Reader, size int) error {
	for size > 0 {
		if _, err := r.Peek(1); err != nil {
			return gone(err)
		}
		p, _ := r.Peek(min(size, r.Buffered())) // which is there
		if _, err := w.Write(p); err != nil {
			return err
		}
		size -= len(p)
		if _, err := r.Discard(len(p)); err != nil {
			return err
		}
	}
	return nil
}

// short reads a frame that has at least so many bytes, and not many more.
func short(r *bufio.Reader, h head, least, most int) ([]byte, error) {
	if h.size < least || h.size > most {
		return nil, protocol("a frame %d of %d bytes", h.kind, h.size)
	}
	p := make([]byte, h.size)
	if _, err := io.ReadFull(r, p); err != nil {
		return nil, gone(err)
	}
	return p, nil
}

const (
	maxErrno = 4095 // include/linux/err.h
	maxStep  = 32   // bytes of a step's name
)

// readFailure reads ERROR, the error is a *StartError if it can be read.
func readFailure(r *bufio.Reader, h head) error {
	p, err := short(r, h, 4, 4+maxStep)
	if err != nil {
		return err
	}
	n := binary.LittleEndian.Uint32(p)
	if n == 0 || n > maxErrno {
		return protocol("an error with number %d", n)
	}
	step := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' {
			return c
		}
		return '?'
	}, string(p[4:]))
	return &StartError{Errno: syscall.Errno(n), Step: step}
}

// readExit reads EXIT.
func readExit(r *bufio.Reader, h head) (Status, error) {
	p, err := short(r, h, 2, 2)
	switch {
	case err != nil:
		return Status{}, err
	case p[0] == 0:
		return Status{Code: int(p[1])}, nil
	case p[0] == 1 && p[1] >= 1 && p[1] <= maxSignal:
		return Status{Signal: syscall.Signal(p[1])}, nil
	}
	return Status{}, protocol("an end of kind %d with value %d", p[0], p[1])
}

func protocol(format string, args ...any) error {
	return &ProtocolError{Said: fmt.Sprintf(format, args...)}
}
