package qcow2

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"terem/internal/vm/disk/qcow2/inflate"
)

// TestCheckEnds: a check ends with its context, before the first table and after the last.
func TestCheckEnds(t *testing.T) {
	b := load(t, "v3")
	ctx, cancel := context.WithCancel(t.Context())
	im, err := Open(cancelling{b, be64(b[48:]), cancel}, inflate.New)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Check(ctx, im); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled at the refcounts: %v", err)
	}
	if _, err := Check(ctx, &Image{Header: im.Header, src: nowhere{b}, table: im.table}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled from the start: %v", err)
	}
}

func be64(b []byte) int64 { return int64(binary.BigEndian.Uint64(b)) }

// cancelling calls cancel when something is read at an offset.
type cancelling struct {
	memory
	at     int64
	cancel func()
}

func (c cancelling) ReadVec(iov [][]byte, off int64) error {
	if off == c.at {
		c.cancel()
	}
	return c.memory.ReadVec(iov, off)
}

// nowhere is an image that cannot be read.
type nowhere struct{ memory }

func (nowhere) ReadVec([][]byte, int64) error { return io.ErrUnexpectedEOF }
