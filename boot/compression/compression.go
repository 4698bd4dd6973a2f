// Package compression tells how a kernel's payload is packed, by its first bytes. Package boot/unpack unpacks it: that
// links every decoder, which a program that boots only plain images can do without.
package compression

import "bytes"

// Format is the compression of a bzImage's payload (arch/x86/boot/compressed/Makefile).
type Format int

const (
	Unknown Format = iota
	None
	Gzip
	Bzip2
	LZMA
	XZ
	LZO // recognized, not unpacked
	LZ4
	Zstd
)

// The first bytes of formats (lib/decompress.c).
const (
	ELFMagic       = "\x7fELF"
	XZMagic        = "\xfd7zXZ\x00"
	LZ4LegacyMagic = "\x02\x21\x4c\x18"
)

// MagicLen is the length of the longest of them.
const MagicLen = len(XZMagic)

// MaxUnpacked is the most that a payload may unpack to, in bytes.
const MaxUnpacked = 1 << 30

// Detect tells the format of what begins with b.
func Detect(b []byte) Format {
	for _, f := range [...]struct {
		magic  string
		format Format
	}{
		{ELFMagic, None},
		{"\x1f\x8b", Gzip},
		{"BZh", Bzip2},
		{"\x5d\x00\x00", LZMA},
		{XZMagic, XZ},
		{"\x89LZO", LZO},
		{LZ4LegacyMagic, LZ4},
		{"\x28\xb5\x2f\xfd", Zstd},
	} {
		if bytes.HasPrefix(b, []byte(f.magic)) {
			return f.format
		}
	}
	return Unknown
}

// Known reports whether there is a decoder for the format.
func (f Format) Known() bool { return f != Unknown && f != LZO }

func (f Format) String() string {
	switch f {
	case None:
		return "uncompressed"
	case Gzip:
		return "gzip"
	case Bzip2:
		return "bzip2"
	case LZMA:
		return "lzma"
	case XZ:
		return "xz"
	case LZO:
		return "lzo"
	case LZ4:
		return "lz4"
	case Zstd:
		return "zstd"
	}
	return "of unknown format"
}
