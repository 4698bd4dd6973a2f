package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"terem/internal/vm/disk/content"
	"terem/internal/vm/disk/ext4"
)

// Sparse files in GNU's formats. archive/tar understands them all and gives holes as zeros,
// of which a hostile tar can have as many as it likes; so the map is read here again, from
// the headers that archive/tar has read and found to be in order. The formats are in GNU
// tar's manual, "Storing Sparse Files".
const (
	tarBlock = 512

	oldMap      = 386 // in the header: 4 entries, one byte that says whether more follow
	oldEntries  = 4
	oldMore     = 482
	moreEntries = 21 // in each block that follows
	moreMore    = 504
	mapEntry    = 24 // offset and length, 12 bytes each

	sparsePrefix = "GNU.sparse."
)

var errSparse = errors.New("a sparse file whose map makes no sense")

// The formats of sparse files.
const (
	sparseNot = iota
	sparseOld // the map is in the header and behind it
	sparse0   // in a pax record
	sparse1   // in front of the bytes
)

func sparseFormat(h *tar.Header) (int, error) {
	major, minor, list := h.PAXRecords[sparsePrefix+"major"], h.PAXRecords[sparsePrefix+"minor"], h.PAXRecords[sparsePrefix+"map"]
	switch {
	case h.Typeflag == tar.TypeGNUSparse:
		return sparseOld, nil
	case major == "1" && minor == "0":
		return sparse1, nil
	case major == "0" && (minor == "0" || minor == "1"), major == "" && minor == "" && list != "":
		return sparse0, nil
	case major != "" || minor != "":
		return 0, fmt.Errorf("a sparse file of version %s.%s, which terem does not know", content.Printable(major), content.Printable(minor))
	}
	return sparseNot, nil
}

// ranges are the parts of a file that have bytes: all of it, or what its map says; rest is
// how many bytes of the entry follow theirs. Raw is what archive/tar has read for this entry,
// headers first.
func ranges(h *tar.Header, raw []byte) (list []ext4.Range, rest int64, err error) {
	format, err := sparseFormat(h)
	if err != nil {
		return nil, 0, err
	}
	if format == sparseNot {
		list, err = appendRange(nil, 0, h.Size, h.Size)
		return list, 0, err
	}
	header, behind, err := mainHeader(raw)
	if err != nil {
		return nil, 0, err
	}
	rest = number(header[124:136])
	if size := h.PAXRecords["size"]; size != "" {
		if rest, err = strconv.ParseInt(size, 10, 64); err != nil {
			return nil, 0, errSparse
		}
	}
	if rest < 0 {
		return nil, 0, errSparse
	}
	switch format {
	case sparseOld:
		list, err = oldRanges(header, behind, h.Size)
	case sparse0:
		list, err = mapNumbers(strings.Split(h.PAXRecords[sparsePrefix+"map"], ","), false, h.Size)
	case sparse1:
		list, err = mapNumbers(strings.Split(string(behind), "\n"), true, h.Size)
		rest -= int64(len(behind))
	}
	for _, r := range list {
		rest -= r.Len
	}
	if err == nil && rest < 0 {
		err = errSparse
	}
	return list, rest, err
}

// mainHeader skips the headers that only say more about the next one.
func mainHeader(raw []byte) (header, rest []byte, err error) {
	for len(raw) >= tarBlock {
		header, rest = raw[:tarBlock], raw[tarBlock:]
		switch header[156] {
		case tar.TypeXHeader, tar.TypeGNULongName, tar.TypeGNULongLink:
			size := number(header[124:136])
			if size < 0 || size > int64(len(rest)) {
				return nil, nil, errSparse
			}
			raw = rest[min((size+tarBlock-1)/tarBlock*tarBlock, int64(len(rest))):]
		default:
			return header, rest, nil
		}
	}
	return nil, nil, errSparse
}

// oldRanges reads the map of the oldest format, which is in the header and in the blocks
// behind it.
func oldRanges(header, rest []byte, size int64) (list []ext4.Range, err error) {
	entries, n, more := header[oldMap:], oldEntries, header[oldMore]
	for {
		for i := range n {
			e := entries[i*mapEntry:]
			if e[0] == 0 || e[12] == 0 {
				break // no entry
			}
			if list, err = appendRange(list, number(e[:12]), number(e[12:24]), size); err != nil {
				return nil, err
			}
		}
		if more == 0 {
			return list, nil
		}
		if len(rest) < tarBlock {
			return nil, errSparse
		}
		entries, n, more = rest, moreEntries, rest[moreMore]
		rest = rest[tarBlock:]
	}
}

// mapNumbers reads a map in decimal numbers, with or without their count before them.
func mapNumbers(words []string, counted bool, size int64) (list []ext4.Range, err error) {
	n := len(words) / 2
	if counted {
		count, err := strconv.ParseInt(words[0], 10, 64)
		if words = words[1:]; err != nil || count < 0 || count > int64(len(words)/2) {
			return nil, errSparse
		}
		n = int(count)
	}
	for i := range n {
		off, err1 := strconv.ParseInt(words[2*i], 10, 64)
		length, err2 := strconv.ParseInt(words[2*i+1], 10, 64)
		if err1 != nil || err2 != nil {
			return nil, errSparse
		}
		if list, err = appendRange(list, off, length, size); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// appendRange keeps ranges in order and within the file; empty ones only mark its end.
func appendRange(list []ext4.Range, off, n, size int64) ([]ext4.Range, error) {
	end := int64(0)
	if len(list) > 0 {
		end = list[len(list)-1].Off + list[len(list)-1].Len
	}
	if off < end || n < 0 || off > size || n > size-off {
		return nil, errSparse
	}
	if n == 0 {
		return list, nil
	}
	return append(list, ext4.Range{Off: off, Len: n}), nil
}

// number is one of a tar: octal, or with its highest bit set big-endian; -1 if it is none.
func number(b []byte) (n int64) {
	if b[0]&0x80 == 0 {
		digits := string(bytes.Trim(b, " \x00"))
		if digits == "" {
			return 0
		}
		n, err := strconv.ParseInt(digits, 8, 64)
		if err != nil {
			return -1
		}
		return n
	}
	for i, c := range b {
		if i == 0 {
			c &= 0x7f
		}
		if n >= 1<<55 {
			return -1
		}
		n = n<<8 | int64(c)
	}
	return n
}
