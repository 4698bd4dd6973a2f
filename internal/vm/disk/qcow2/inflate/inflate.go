// Package inflate has the decoders of qcow2's compressed clusters. They are beside package qcow2, so that a program that
// reads no such image need not have them.
package inflate

import (
	"bytes"
	"compress/flate"
	"io"

	"github.com/klauspost/compress/zstd"
)

// maxWindow is the most history that a zstd frame may ask for, bytes: QEMU's own
// frames need 2 MiB at most.
const maxWindow = 8 << 20

// New is a qcow2.NewDecoder. Its decoders start no goroutine.
func New(compression string) (decode func(packed *bytes.Reader) (io.Reader, error), err error) {
	if compression != "zstd" {
		return new(deflate).decode, nil
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	return func(packed *bytes.Reader) (io.Reader, error) { return d, d.Reset(packed) }, nil
}

type deflate struct{ r io.ReadCloser }

func (d *deflate) decode(packed *bytes.Reader) (io.Reader, error) {
	if d.r == nil {
		d.r = flate.NewReader(packed)
		return d.r, nil
	}
	return d.r, d.r.(flate.Resetter).Reset(packed, nil)
}
