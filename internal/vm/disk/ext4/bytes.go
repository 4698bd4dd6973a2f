package ext4

import "encoding/binary"

// All numbers of the format are little-endian.

func get16(b []byte) uint16    { return binary.LittleEndian.Uint16(b) }
func get32(b []byte) uint32    { return binary.LittleEndian.Uint32(b) }
func put16(b []byte, n uint16) { binary.LittleEndian.PutUint16(b, n) }
func put32(b []byte, n uint32) { binary.LittleEndian.PutUint32(b, n) }
