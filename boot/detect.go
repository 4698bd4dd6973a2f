package boot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf8"
)

// sniffLen is how much of an image Detect reads to tell what it is: the whole of a bzImage's setup
// header and more than an ELF header.
const sniffLen = 0x400

// Detect gives the loader for the image in r, which is size bytes long, by its content. The loader
// goes on reading from r.
func Detect(r io.ReaderAt, size int64, o Options) (Loader, error) {
	thing := kernelThing(o.Name)
	if size <= 0 {
		return nil, notKernel(thing, "the file is empty")
	}
	head := make([]byte, min(size, sniffLen))
	if n, err := r.ReadAt(head, 0); n < len(head) {
		if errors.Is(err, io.EOF) || err == nil {
			err = io.ErrUnexpectedEOF
		}
		return nil, truncated(thing, err, "cannot read its first %d bytes", len(head))
	}
	switch {
	case bytes.HasPrefix(head, []byte(elfMagic)):
		return newELFLoader(r, size, o)
	case isBzImage(head):
		return newBzImage(r, size, head, o)
	}
	return nil, notKernel(thing, "%s", describe(head))
}

// describe says what an image that is no kernel seems to be.
func describe(head []byte) string {
	switch {
	case len(head) > 0x3c && string(head[0x38:0x3c]) == "ARM\x64":
		return "is a kernel for arm64, not for x86-64"
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return "is a gzip file, neither a bzImage nor an ELF file"
	case isCpio(head):
		return "is a cpio archive (an initrd?), not a kernel"
	case len(head) >= 0x200 && binary.LittleEndian.Uint16(head[0x1fe:]) == bootFlag:
		return "is a boot sector without a Linux setup header (HdrS)"
	case isText(head):
		return "is a text file, not a kernel"
	}
	return "is neither a bzImage nor an ELF file"
}

func isCpio(head []byte) bool {
	return bytes.HasPrefix(head, []byte("07070"))
}

// isText reports whether head has nothing but printable UTF-8 and white space. Its last character
// may be cut off.
func isText(head []byte) bool {
	end := len(head)
	for end > 0 && len(head)-end < utf8.UTFMax && !utf8.Valid(head[:end]) {
		end--
	}
	if !utf8.Valid(head[:end]) {
		return false
	}
	for _, c := range head {
		if c < ' ' && c != '\n' && c != '\t' && c != '\r' && c != '\f' && c != 0x1b || c == 0x7f {
			return false
		}
	}
	return true
}
