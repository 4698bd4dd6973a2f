package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"golang.org/x/sys/unix"

	"terem/internal/fault"
	"terem/internal/vm/disk/content"
	"terem/internal/vm/disk/ext4"
)

// errTar is wrapped by errors about a tar's contents.
var errTar = errors.New("the tar cannot be used")

// errNoTar says that there is no tar at all, or an empty one.
var errNoTar = errors.New("it is no tar, or cut short, or one with nothing in it")

// errCut says that the file ends before the tar does.
var errCut = errors.New("the file ends here, so it is cut short")

func isNoTar(err error) bool {
	return errors.Is(err, tar.ErrHeader) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// errSpool says that the contents are more than the image shall be large.
var errSpool = errors.New("more contents than the image has room for")

// maxHeaders bounds what stands before one file: the largest map of holes that archive/tar
// takes, and names. It takes as many headers as come.
const maxHeaders = 64 << 20

var errHeaders = errors.New("more than 64 MiB of headers before one file")

// mendTar helps who named something else than a tar.
func mendTar(err error) string {
	switch {
	case errors.Is(err, errNoTar):
		return "name a directory, or a tar that may be packed by gzip, xz or zstd"
	case errors.Is(err, errCut):
		return "get it again from where it came"
	}
	return ""
}

// unpacked undoes what a stream's first bytes say that was done to it.
func unpacked(r *bufio.Reader) (io.Reader, error) {
	magic, _ := r.Peek(6) // a shorter one is no tar, which comes up later
	switch {
	case bytes.HasPrefix(magic, []byte("\x1f\x8b")):
		return gzip.NewReader(r)
	case bytes.HasPrefix(magic, []byte("\xfd7zXZ\x00")):
		return xz.NewReader(r)
	case bytes.HasPrefix(magic, []byte("\x28\xb5\x2f\xfd")):
		return zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
	}
	return r, nil
}

// readTarFile reads a tar into a tree, and the contents of its files into s.
func readTarFile(ctx context.Context, name string, s *spool) (t *tree, err error) {
	in, err := openTar(ctx, name)
	if err == nil {
		defer in.Close() // read only
		defer context.AfterFunc(ctx, func() {
			_ = in.SetReadDeadline(time.Now()) // of a pipe; a file does not keep anybody waiting
		})()
		t, err = readTar(ctx, in, s)
	}
	if ctx.Err() != nil {
		err = &fault.Error{Class: fault.Host, Thing: "read the tar", Cause: "interrupted"}
	}
	return t, err
}

// openTar opens a file. A pipe without a writer keeps it waiting for one, until ctx ends.
func openTar(ctx context.Context, name string) (*os.File, error) {
	opened, failed := make(chan *os.File), make(chan error, 1)
	go func() {
		in, err := os.Open(name)
		if err != nil {
			failed <- err
			return
		}
		select {
		case opened <- in:
		case <-ctx.Done():
			in.Close() // too late
		}
	}()
	select {
	case in := <-opened:
		return in, nil
	case err := <-failed:
		return nil, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func readTar(ctx context.Context, in io.Reader, s *spool) (*tree, error) {
	r, err := unpacked(bufio.NewReaderSize(in, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errTar, err)
	}
	t := &tarReader{tree: newTree(), spool: s, in: tap{r: r}}
	return t.tree, t.all(ctx)
}

// tarReader reads a tar entry by entry.
type tarReader struct {
	tree  *tree
	spool *spool
	in    tap
	lists []list
}

// list is an access control list in words, whose names are looked up at the end.
type list struct {
	file  string
	node  *ext4.Node
	attr  string
	words string
}

// tap is a stream that keeps what goes through it.
type tap struct {
	r    io.Reader
	keep bool
	kept []byte
}

func (t *tap) Read(p []byte) (n int, err error) {
	n, err = t.r.Read(p)
	if t.keep && len(t.kept)+n > maxHeaders {
		return 0, errHeaders
	}
	if t.keep {
		t.kept = append(t.kept, p[:n]...)
	}
	return n, err
}

// next reads the headers of the next entry. Each has a tar.Reader of its own: so the stream
// stands where the entry's bytes begin, and they can be read without the holes that
// archive/tar would fill.
func (t *tarReader) next() (*tar.Header, error) {
	t.in.keep, t.in.kept = true, t.in.kept[:0]
	h, err := tar.NewReader(&t.in).Next()
	t.in.keep = false
	if errors.Is(err, tar.ErrInsecurePath) {
		err = nil // a tree has no outside
	}
	return h, err
}

func (t *tarReader) all(ctx context.Context) error {
	last := ""
	for n := 0; ; n++ {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		h, err := t.next()
		switch {
		case errors.Is(err, io.EOF) && n > 0:
			return t.setLists()
		case isNoTar(err) && n == 0: // zeros, as an image begins with, are an empty tar
			return fmt.Errorf("%w: %w", errTar, errNoTar)
		case err != nil && n == 0:
			return fmt.Errorf("%w: %w", errTar, err)
		case errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("%w: behind %s: %w", errTar, last, errCut)
		case err != nil:
			return fmt.Errorf("%w: behind %s: %w", errTar, last, err)
		}
		if err := t.one(h); err != nil {
			var host *os.PathError // of the spool
			if errors.Is(err, errSpool) || errors.As(err, &host) {
				return err
			}
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = errCut
			}
			return fmt.Errorf("%w: %s: %w", errTar, content.Printable(h.Name), err)
		}
		last = content.Printable(h.Name)
	}
}

// one reads one entry, and leaves the stream at the next.
func (t *tarReader) one(h *tar.Header) error {
	switch h.Typeflag {
	case tar.TypeXGlobalHeader:
		if err := t.skip(padding(int64(len(t.in.kept)))); err != nil {
			return err
		}
		return checkGlobal(h)
	case gnuVolume:
		return t.skipWhole(h.Size)
	case tar.TypeLink:
		return t.tree.link(h.Name, h.Linkname)
	}
	n, err := newNode(h)
	if err != nil {
		return err
	}
	for attr, record := range map[string]string{accessACL: "access", defaultACL: "default"} {
		if words := h.PAXRecords[recordACL+record]; words != "" {
			t.lists = append(t.lists, list{h.Name, n, attr, words})
			t.tree.cost += int64(len(h.Name) + len(words))
		}
	}
	if kind(n) == unix.S_IFREG {
		return t.regular(h, n)
	}
	if h.Typeflag == gnuDump { // what was in the directory at the time
		if err := t.skipWhole(h.Size); err != nil {
			return err
		}
	}
	return t.tree.put(h.Name, n)
}

func (t *tarReader) setLists() error {
	find := t.tree.accounts()
	for _, l := range t.lists {
		if err := setACL(l.node, l.attr, l.words, find); err != nil {
			return fmt.Errorf("%w: %s: %w", errTar, content.Printable(l.file), err)
		}
	}
	return nil
}

func (t *tarReader) regular(h *tar.Header, n *ext4.Node) error {
	list, rest, err := ranges(h, t.in.kept)
	if err != nil {
		return err
	}
	p, err := t.spool.add(&t.in, list)
	if err != nil {
		return err
	}
	var size int64
	for _, r := range list {
		size += r.Len
	}
	if err := t.skip(rest); err != nil { // what no map speaks of
		return err
	}
	if err := t.skip(padding(size + rest)); err != nil {
		return err
	}
	n.Size, n.Open = h.Size, func() (ext4.Contents, error) { return p, nil }
	t.tree.sizes[n] = p.blocks()
	t.tree.cost += chunkCost * int64(len(list))
	return t.tree.put(h.Name, n)
}

// skip passes over bytes.
func (t *tarReader) skip(n int64) error {
	_, err := io.CopyN(io.Discard, &t.in, n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// skipWhole passes over bytes and what fills their last block.
func (t *tarReader) skipWhole(n int64) error {
	if err := t.skip(n); err != nil {
		return err
	}
	return t.skip(padding(n))
}

// padding fills the last block of n bytes.
func padding(n int64) int64 { return -n & (tarBlock - 1) }
