package vsock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	device "terem/devices/virtio/vsock"
)

const (
	maxLine     = 32               // bytes of what a program says first
	lineLimit   = 2 * time.Second  // in which it says it
	answerLimit = 10 * time.Second // in which the guest answers
)

// greet reads whom a program wants, and connects it.
func (l *Listener) greet(c *net.UnixConn) {
	off := context.AfterFunc(l.ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) }) // whoever waits wakes up
	port, err := hear(c)
	if !off() {
		_ = c.Close()
		return
	}
	if err == nil {
		err = l.connect(c, port)
	}
	if err != nil {
		_ = c.SetDeadline(time.Now().Add(lineLimit))
		_, _ = fmt.Fprintf(c, "ERR %v\n", err) // who does not want to hear it has gone
		_ = c.Close()
	}
}

// connect calls the guest. What the guest says first comes behind our OK, though it may be there before.
func (l *Listener) connect(c *net.UnixConn, port uint32) error {
	s, err := newStream(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(l.ctx, answerLimit)
	defer cancel()
	host, err := l.caller.Connect(ctx, port, s)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the guest does not answer within %v", answerLimit)
	case errors.Is(err, context.Canceled):
		return errors.New("the guest ends")
	case err != nil:
		return err
	}
	_, _ = fmt.Fprintf(c, "OK %d\n", host) // if it fails, the device will notice
	close(s.gate)
	return nil
}

var _ device.Stream = (*net.UnixConn)(nil)

// hear reads the line, and not a byte more.
func hear(c *net.UnixConn) (port uint32, err error) {
	if err := c.SetReadDeadline(time.Now().Add(lineLimit)); err != nil {
		return 0, err
	}
	var line []byte
	for b := [1]byte{}; ; line = append(line, b[0]) {
		_, err := io.ReadFull(c, b[:])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return 0, fmt.Errorf("no whole line within %v: want `CONNECT port`", lineLimit)
		case err != nil:
			return 0, errors.New("no whole line: want `CONNECT port`")
		case b[0] == '\n':
			if port, err = parse(string(line)); err != nil {
				return 0, err
			}
			return port, c.SetReadDeadline(time.Time{})
		case len(line) == maxLine:
			return 0, fmt.Errorf("no line of %d bytes at most: want `CONNECT port`", maxLine)
		}
	}
}

// parse reads a line.
func parse(line string) (port uint32, err error) {
	word, number, _ := strings.Cut(line, " ")
	n, err := strconv.ParseUint(number, 10, 32)
	if word != "CONNECT" || err != nil {
		return 0, fmt.Errorf("%q: want `CONNECT port`", line)
	}
	return uint32(n), nil
}
