package control

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Bounds of what a client may send, in bytes.
const (
	maxHead = 8 << 10 // request line and fields
	maxBody = 64 << 10
)

// Statuses of HTTP (RFC 9110 section 15).
const (
	statusOK         = 200
	statusBadRequest = 400
	statusNotFound   = 404
	statusNotAllowed = 405
	statusConflict   = 409
	statusTooLarge   = 413
	statusFailed     = 500
	statusBusy       = 503
)

var statusText = map[int]string{
	statusOK: "OK", statusBadRequest: "Bad Request", statusNotFound: "Not Found", statusNotAllowed: "Method Not Allowed",
	statusConflict: "Conflict", statusTooLarge: "Content Too Large", statusFailed: "Internal Server Error", statusBusy: "Service Unavailable",
}

// request is one of HTTP/1 (RFC 9112): a method, a path without its query, a body.
type request struct {
	method, path string
	body         []byte
}

// httpError is a request that cannot be carried out, with the status that says so.
type httpError struct {
	status int
	text   string
}

func (e *httpError) Error() string { return e.text }

func refuse(status int, format string, args ...any) error {
	return &httpError{status, fmt.Sprintf(format, args...)}
}

// readRequest reads one request. An error that is no *httpError is the connection's.
func readRequest(r io.Reader) (q request, err error) {
	head := &io.LimitedReader{R: r, N: maxHead}
	b := bufio.NewReaderSize(head, 1024)
	line, err := readLine(b, head)
	if err != nil {
		return q, err
	}
	words := strings.Split(line, " ")
	if len(words) != 3 || !strings.HasPrefix(words[2], "HTTP/1.") || !strings.HasPrefix(words[1], "/") {
		return q, refuse(statusBadRequest, "that is no request of HTTP/1")
	}
	q.method = words[0]
	q.path, _, _ = strings.Cut(words[1], "?")
	length, err := readFields(b, head)
	if err != nil {
		return q, err
	}
	head.N = int64(length) // bytes beyond the head count anew, but for those that are here already
	q.body = make([]byte, length)
	_, err = io.ReadFull(b, q.body)
	return q, err
}

// readFields reads up to the empty line, and gives the body's length.
func readFields(b *bufio.Reader, head *io.LimitedReader) (length int, err error) {
	for {
		line, err := readLine(b, head)
		if err != nil || line == "" {
			return length, err
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return 0, refuse(statusBadRequest, "a field without a colon")
		}
		switch strings.ToLower(name) {
		case "content-length":
			n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 63)
			if err != nil {
				return 0, refuse(statusBadRequest, "a Content-Length that is no number")
			}
			if n > maxBody {
				return 0, refuse(statusTooLarge, "a body of %d bytes; at most %d", n, maxBody)
			}
			length = int(n)
		case "transfer-encoding":
			return 0, refuse(statusBadRequest, "a Transfer-Encoding: send a Content-Length")
		}
	}
}

func readLine(b *bufio.Reader, head *io.LimitedReader) (string, error) {
	line, err := b.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull), err != nil && head.N <= 0:
		return "", refuse(statusTooLarge, "a head of more than %d bytes, or a line of more than %d", maxHead, b.Size())
	case err != nil:
		return "", err
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

// writeReply writes a reply, after which the connection ends.
func writeReply(w io.Writer, status int, body any) error {
	b, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	head := fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n",
		status, statusText[status], len(b))
	_, err = w.Write(append([]byte(head), b...))
	return err
}
