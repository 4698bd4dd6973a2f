package blk_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"terem/devices/virtio/blk"
)

// image is the least that a disk can stand on: a file.
type image struct {
	*os.File
	size int64
}

func (i image) Size() int64 { return i.size }

func (i image) ReadVec(iov [][]byte, off int64) error {
	for _, p := range iov {
		if _, err := i.ReadAt(p, off); err != nil {
			return err
		}
		off += int64(len(p))
	}
	return nil
}

func (i image) WriteVec(iov [][]byte, off int64) error {
	for _, p := range iov {
		if _, err := i.WriteAt(p, off); err != nil {
			return err
		}
		off += int64(len(p))
	}
	return nil
}

func (i image) Flush() error             { return i.Sync() }
func (image) Discard(int64, int64) error { return errors.ErrUnsupported }
func (i image) WriteZeroes(off, n int64, _ bool) error {
	_, err := io.CopyN(io.NewOffsetWriter(i, off), bytes.NewReader(make([]byte, n)), n)
	return err
}

func Example() {
	f, err := os.CreateTemp("", "disk")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.Remove(f.Name())
	d, err := blk.New(blk.Config{Backend: image{f, 1 << 20}, ID: "root", Queues: 2, WriteCache: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	info := d.Info()
	fmt.Println(len(info.QueueSizes), "queues of", info.QueueSizes[0])
	// A transport activates and resets it, as the driver says, and closes it.
	fmt.Println(d.Close())
	// Output:
	// 2 queues of 256
	// <nil>
}

func ExampleNew() {
	_, err := blk.New(blk.Config{Backend: image{nil, 1000}, ID: "odd"})
	fmt.Println(err)
	// Output: disk "odd": size 1000: want a multiple of the block size, 512 bytes
}
