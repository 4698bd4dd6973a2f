package ext4

import "hash/crc32"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sum goes on with a CRC-32C. ext4 begins with all ones and does not invert at the end;
// hash/crc32 does both for each piece.
func sum(crc uint32, p []byte) uint32 { return ^crc32.Update(^crc, castagnoli, p) }

// sumStart begins a checksum.
const sumStart = ^uint32(0)

func sumNumber(crc, n uint32) uint32 { return sum(crc, le.AppendUint32(nil, n)) }
