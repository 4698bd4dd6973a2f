package control

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Client asks the server on one socket.
type Client struct{ Path string }

// ErrGone is the error of a server that ended before it answered: with what runs, most likely.
var ErrGone = errors.New("it ended before it answered")

// Refused is what a server says to a request that it does not carry out.
type Refused struct{ Text string }

func (e *Refused) Error() string { return e.Text }

// Info asks what it is.
func (c Client) Info() (i Info, err error) { return i, c.do("GET", "info", nil, &i, patience) }

// Stats asks what it uses.
func (c Client) Stats() (s Stats, err error) { return s, c.do("GET", "stats", nil, &s, patience) }

// Exits asks for the exit ledger, as it is.
func (c Client) Exits() (raw json.RawMessage, err error) {
	return raw, c.do("GET", "exits", nil, &raw, patience)
}

// Pause takes the processors from it.
func (c Client) Pause() error { return c.do("POST", "pause", nil, nil, patience) }

// Resume gives them back.
func (c Client) Resume() error { return c.do("POST", "resume", nil, nil, patience) }

// Balloon says how much memory it is to give back, in bytes.
func (c Client) Balloon(n uint64) error {
	return c.do("PUT", "balloon", balloonRequest{&n}, nil, patience)
}

// Snapshot has it write itself into a directory.
func (c Client) Snapshot(q Snapshot) error { return c.do("POST", "snapshot", q, nil, 0) }

// Wait waits for its end.
func (c Client) Wait() (e End, err error) { return e, c.do("GET", "wait", nil, &e, 0) }

// Stop asks it to end, and ends it after the time of grace.
func (c Client) Stop(grace time.Duration) (e End, err error) {
	return e, c.do("POST", "stop", stopRequest{grace.Seconds()}, &e, 0)
}

// Kill ends it.
func (c Client) Kill() (e End, err error) { return e, c.do("POST", "kill", nil, &e, 0) }

// maxReply bounds what a server may send, in bytes.
const maxReply = 16 << 20

// do sends one request and reads its reply into the value. A limit of 0 is none.
func (c Client) do(method, verb string, body, into any, limit time.Duration) error {
	conn, err := net.Dial("unix", c.Path)
	if err != nil {
		return ErrGone
	}
	defer conn.Close()
	if limit > 0 {
		_ = conn.SetDeadline(time.Now().Add(limit))
	}
	var b []byte
	if body != nil {
		if b, err = json.Marshal(body); err != nil {
			return err
		}
	}
	var q bytes.Buffer
	fmt.Fprintf(&q, "%s /v1/%s HTTP/1.1\r\nHost: terem\r\nContent-Length: %d\r\n\r\n", method, verb, len(b))
	q.Write(b)
	if _, err := conn.Write(q.Bytes()); err != nil {
		return ErrGone
	}
	status, reply, err := readReply(conn)
	var late net.Error
	switch {
	case errors.As(err, &late) && late.Timeout():
		return fmt.Errorf("it did not answer within %v", limit)
	case err != nil:
		return ErrGone
	case status != statusOK:
		var e errorReply
		_ = json.Unmarshal(reply, &e) // without words it is a refusal all the same
		return &Refused{e.Error}
	case into == nil:
		return nil
	}
	return json.Unmarshal(reply, into)
}

// readReply reads what writeReply writes.
func readReply(r io.Reader) (status int, body []byte, err error) {
	b := bufio.NewReader(io.LimitReader(r, maxReply))
	line, err := b.ReadString('\n')
	if err != nil {
		return 0, nil, err
	}
	words := strings.SplitN(line, " ", 3)
	if len(words) < 3 {
		return 0, nil, errors.New("no reply of HTTP")
	}
	if status, err = strconv.Atoi(words[1]); err != nil {
		return 0, nil, err
	}
	for line != "\r\n" {
		if line, err = b.ReadString('\n'); err != nil {
			return 0, nil, err
		}
	}
	body, err = io.ReadAll(b)
	return status, body, err
}
