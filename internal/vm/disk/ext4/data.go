package ext4

import (
	"bytes"
	"context"
	"errors"
	"io"
)

// errShrunk says that a file has fewer bytes than when the tree was made.
var errShrunk = errors.New("it became shorter while it was read")

const pieceBlocks = 256 // that are read and written at once

// copyData copies a regular file. A range of zeros gets its blocks, which the file may
// count on, but is not written: the image is new and has zeros there.
func (v *volume) copyData(ctx context.Context, n *Node, x *extents) error {
	if n.Size == 0 {
		return nil
	}
	c, err := n.Open()
	if err != nil {
		return err
	}
	defer c.Close() // read only
	ranges, err := c.Ranges()
	if err != nil {
		return err
	}
	buf := make([]byte, min(pieceBlocks*blockSize, (n.Size+blockSize-1)&^(blockSize-1)))
	done := int64(0) // blocks of the file
	for _, r := range ranges {
		first, end := max(done, r.Off/blockSize), (r.Off+r.Len+blockSize-1)/blockSize
		for first < end {
			if err := ctx.Err(); err != nil {
				return err
			}
			at, got, err := v.take(min(end-first, int64(len(buf))/blockSize))
			if err != nil {
				return err
			}
			if err := v.copyPiece(c, n.Size, first, at, buf[:got*blockSize]); err != nil {
				return err
			}
			x.add(first, at, got)
			first += got
		}
		done = max(done, end)
	}
	return nil
}

func (v *volume) copyPiece(c io.ReaderAt, size, first, at int64, b []byte) error {
	n := min(int64(len(b)), size-first*blockSize)
	clear(b[n:])
	if got, err := c.ReadAt(b[:n], first*blockSize); int64(got) < n {
		if err == nil || errors.Is(err, io.EOF) {
			err = errShrunk
		}
		return err
	}
	for len(b) > 0 && bytes.Equal(b[:blockSize], v.zero) {
		b, at = b[blockSize:], at+1
	}
	for len(b) > 0 && bytes.Equal(b[len(b)-blockSize:], v.zero) {
		b = b[:len(b)-blockSize]
	}
	if len(b) == 0 {
		return nil
	}
	return v.write(b, at)
}

// store writes blocks that are in memory.
func (v *volume) store(blocks [][]byte, x *extents) error {
	for done := int64(0); done < int64(len(blocks)); {
		at, got, err := v.take(int64(len(blocks)) - done)
		if err != nil {
			return err
		}
		for i := range got {
			if err := v.write(blocks[done+i], at+i); err != nil {
				return err
			}
		}
		x.add(done, at, got)
		done += got
	}
	return nil
}
