package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// blockSize is that of a page: what is empty in an image comes in such pieces, and more.
const blockSize = 4096

// Blocks makes a short form of a disk image that is mostly empty: of each block that is not, its offset, 8 bytes, and its
// 4096 bytes.
func Blocks(image io.Reader) ([]byte, error) {
	var out []byte
	b := make([]byte, blockSize)
	empty := make([]byte, blockSize)
	for off := uint64(0); ; off += blockSize {
		switch _, err := io.ReadFull(image, b); {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, err
		}
		if !bytes.Equal(b, empty) {
			out = append(binary.LittleEndian.AppendUint64(out, off), b...)
		}
	}
}

// WriteBlocks writes what Blocks has made to an empty disk.
func WriteBlocks(disk io.WriterAt, blocks []byte) error {
	for len(blocks) > 0 {
		if len(blocks) < 8+blockSize {
			return errors.New("the blocks of the scratch disk end in the middle of one")
		}
		off := binary.LittleEndian.Uint64(blocks)
		if _, err := disk.WriteAt(blocks[8:8+blockSize], int64(off)); err != nil {
			return err
		}
		blocks = blocks[8+blockSize:]
	}
	return nil
}
