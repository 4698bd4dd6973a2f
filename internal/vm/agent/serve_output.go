package agent

import (
	"encoding/binary"
	"errors"
	"os"
	"syscall"
	"time"
)

// pump carries an output until it ends, or until it is to stop: then what is there already still goes.
func (v *service) pump(s stream) {
	buf := make([]byte, header+maxFrame)
	for {
		n, err := s.file.Read(buf[header:])
		if n > 0 && v.send(s.kind, buf, n) != nil {
			return // he has gone: the program has a pipe that nobody reads
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			v.drain(s, buf)
			return
		}
		if err != nil {
			return // its end; of a terminal, EIO
		}
	}
}

// send sends n bytes that stand in buf behind room for a frame's head.
func (v *service) send(k kind, buf []byte, n int) error {
	buf[0] = byte(k)
	binary.LittleEndian.PutUint32(buf[1:], uint32(n))
	return v.say(buf[:header+n])
}

// stopReading wakes up who reads a file.
func stopReading(f *os.File) { _ = f.SetReadDeadline(time.Unix(1, 0)) } // a file without deadlines has ended

// most is as much as a pipe can hold: somebody whom the program has left behind may go on writing.
const most = 1 << 20

// drain sends what is there.
func (v *service) drain(s stream, buf []byte) {
	conn, err := s.file.SyscallConn()
	if err != nil {
		return
	}
	for sent := 0; sent < most; {
		n := 0
		err := conn.Control(func(fd uintptr) {
			for n, err = syscall.Read(int(fd), buf[header:]); errors.Is(err, syscall.EINTR); {
				n, err = syscall.Read(int(fd), buf[header:])
			}
		})
		if err != nil || n <= 0 || v.send(s.kind, buf, n) != nil {
			return
		}
		sent += n
	}
}
