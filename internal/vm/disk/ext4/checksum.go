package ext4

import (
	"encoding/binary"
	"hash/crc32"
)

// sumStart begins a checksum.
const sumStart = ^uint32(0)

// sum goes on with a CRC-32C. ext4 begins with all ones and does not invert at the end;
// hash/crc32 does both for each piece.
func sum(crc uint32, p []byte) uint32 {
	return ^crc32.Update(^crc, crc32.MakeTable(crc32.Castagnoli), p) // made once, by the package
}

func sumNumber(crc, n uint32) uint32 { return sum(crc, binary.LittleEndian.AppendUint32(nil, n)) }
