package disk

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"

	"terem/internal/fault"
)

// notSector says what is wrong with a raw image whose last sector is not whole. To fill it up
// is right only for an image; so what is plainly none is called by its name.
func (im *image) notSector() error {
	e := &fault.Error{Class: fault.Usage, Thing: "disk " + im.path, Mend: "name an image; `terem disk from-dir` makes one of a directory or a tar"}
	head := make([]byte, min(im.file.size, sectorSize))
	if err := im.file.ReadVec([][]byte{head}, 0); err != nil {
		return err
	}
	for _, p := range []struct{ magic, what, unpack string }{
		{"\x1f\x8b", "gzip", "gzip -d"}, {"\xfd7zXZ\x00", "xz", "xz -d"}, {"\x28\xb5\x2f\xfd", "zstd", "zstd -d"},
		{"BZh", "bzip2", "bzip2 -d"}, {"PK\x03\x04", "zip", "unzip"},
	} {
		if bytes.HasPrefix(head, []byte(p.magic)) {
			e.Cause, e.Mend = "it is packed by "+p.what, "unpack it first, as by `"+p.unpack+"`"
			return e
		}
	}
	if text(head) {
		e.Cause = "a text, and no disk image"
		return e
	}
	e.Cause = fmt.Sprintf("%d bytes are no multiple of %d: it is cut short, or no disk image", im.file.size, sectorSize)
	e.Mend = fmt.Sprintf("copy it again, or add zeros with `truncate -s %d %s`", roundUp(im.file.size, sectorSize), im.path)
	return e
}

// text says whether bytes are characters, but for one that may be cut at the end.
func text(b []byte) bool {
	for len(b) > 0 {
		c, n := utf8.DecodeRune(b)
		switch {
		case c == utf8.RuneError && n == 1 && !utf8.FullRune(b):
			return true
		case c == utf8.RuneError && n == 1, !unicode.IsPrint(c) && !unicode.IsSpace(c):
			return false
		}
		b = b[n:]
	}
	return true
}
