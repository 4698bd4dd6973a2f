package initramfs

import (
	"errors"
	"fmt"
	"strconv"
)

// The header of an entry: a magic number and 13 fields of eight hexadecimal digits each.
//
//	off  field      here
//	0    magic      070701
//	6    ino        counts from 1
//	14   mode       type and permissions, as in stat(2)
//	22   uid        0
//	30   gid        0
//	38   nlink      1
//	46   mtime      0
//	54   filesize   bytes of data, or of a symbolic link's target
//	62   major      0 } of the device that holds the file
//	70   minor      0 }
//	78   rmajor     } of the device that the file is
//	86   rminor     }
//	94   namesize   with the NUL, or several
//	102  check      0
//	110  name, then data: each padded with NULs to a multiple of four
const (
	magic      = "070701"
	headerSize = 110
	fieldCount = 13
	trailer    = "TRAILER!!!"
)

// maxName is the kernel's limit of a name with its NULs, PATH_MAX.
const maxName = 4096

// pageSize is the guest's.
const pageSize = 4096

// File types in the mode field, as in stat(2).
const (
	typeMask = 0o170000
	typeFile = 0o100000
	typeDir  = 0o040000
	typeLink = 0o120000
	typeChar = 0o020000
)

// ErrFormat says that the input is no newc archive, or a damaged one.
var ErrFormat = errors.New("not a newc cpio archive")

type header struct {
	ino, mode, uid, gid, nlink, mtime, fileSize uint32
	major, minor, rmajor, rminor, nameSize      uint32
	check                                       uint32
}

func (h *header) fields() [fieldCount]*uint32 {
	return [fieldCount]*uint32{
		&h.ino, &h.mode, &h.uid, &h.gid, &h.nlink, &h.mtime, &h.fileSize,
		&h.major, &h.minor, &h.rmajor, &h.rminor, &h.nameSize, &h.check,
	}
}

func (h *header) append(b []byte) []byte {
	b = append(b, magic...)
	for _, f := range h.fields() {
		b = fmt.Appendf(b, "%08X", *f)
	}
	return b
}

func parseHeader(b []byte) (header, error) {
	var h header
	if len(b) < headerSize || string(b[:len(magic)]) != magic {
		return h, fmt.Errorf("%w: no header", ErrFormat)
	}
	for i, f := range h.fields() {
		at := len(magic) + 8*i
		v, err := strconv.ParseUint(string(b[at:at+8]), 16, 32)
		if err != nil {
			return h, fmt.Errorf("%w: header field %d: %w", ErrFormat, i, err)
		}
		*f = uint32(v)
	}
	return h, nil
}

// padding is how many NULs follow n bytes.
func padding(n int64) int64 { return -n & 3 }
