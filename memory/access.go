package memory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Load8 reads the byte at a.
func (g *Guest) Load8(a Addr) (uint8, error) {
	b, err := g.Slice(a, 1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// Load16 reads the little-endian 16-bit word at a.
func (g *Guest) Load16(a Addr) (uint16, error) {
	b, err := g.Slice(a, 2)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint16(b), nil
}

// Load32 reads the little-endian 32-bit word at a.
func (g *Guest) Load32(a Addr) (uint32, error) {
	b, err := g.Slice(a, 4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b), nil
}

// Load64 reads the little-endian 64-bit word at a.
func (g *Guest) Load64(a Addr) (uint64, error) {
	b, err := g.Slice(a, 8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// Store8 writes the byte at a.
func (g *Guest) Store8(a Addr, v uint8) error {
	b, err := g.Slice(a, 1)
	if err != nil {
		return err
	}
	b[0] = v
	return nil
}

// Store16 writes v at a, little-endian.
func (g *Guest) Store16(a Addr, v uint16) error {
	b, err := g.Slice(a, 2)
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint16(b, v)
	return nil
}

// Store32 writes v at a, little-endian.
func (g *Guest) Store32(a Addr, v uint32) error {
	b, err := g.Slice(a, 4)
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint32(b, v)
	return nil
}

// Store64 writes v at a, little-endian.
func (g *Guest) Store64(a Addr, v uint64) error {
	b, err := g.Slice(a, 8)
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint64(b, v)
	return nil
}

// Write copies p into guest RAM at a.
func (g *Guest) Write(a Addr, p []byte) error {
	b, err := g.Slice(a, uint64(len(p)))
	if err != nil {
		return err
	}
	copy(b, p)
	return nil
}

// Fill reads n bytes of r, from its offset off on, straight into guest RAM at a. Fewer bytes than
// n is io.ErrUnexpectedEOF.
func (g *Guest) Fill(a Addr, r io.ReaderAt, off int64, n uint64) error {
	b, err := g.Slice(a, n)
	if err != nil {
		return err
	}
	m, err := r.ReadAt(b, off)
	if m == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read %d bytes at offset %d into guest RAM at %v: %w", n, off, a, err)
}
