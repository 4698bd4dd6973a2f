package vsock

import "io"

// Stream is the host's end of a connection, such as a *net.UnixConn. Read and Write may wait; the
// other methods must not, and Close ends a Read and a Write that wait. Read is called by one
// goroutine, Write, TryWrite and CloseWrite by one at a time.
type Stream interface {
	io.Reader
	io.Writer
	CloseWrite() error // no more bytes will be written: the host's end reads io.EOF
	Close() error
}

// Quick is a Stream that takes bytes straight from guest RAM, if it need not wait for that.
type Quick interface {
	Stream

	// TryWrite writes what the stream takes at once and says how many bytes that was, which may
	// be none. The slices are guest RAM, none of them empty, and only valid until the call returns.
	TryWrite(p [][]byte) (n int, err error)
}

// Hanger is a Stream that can tell one whose other end is half closed from one whose other end
// is gone.
type Hanger interface {
	Stream

	// AwaitHangup is called after Read has given io.EOF. It returns when nobody will read what is
	// written, either, or when the stream is closed.
	AwaitHangup()
}

// ReadCloser is a Stream that can refuse what the host's end has still to say.
type ReadCloser interface {
	Stream
	CloseRead() error // Read gives io.EOF; the other end's writes fail
}
