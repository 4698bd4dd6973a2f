package memory

import (
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Looker tells pages of a guest that are zero, without touching them: to look at a page that is not there costs a fault, one
// of a file's hole takes memory as well, and a guest may have a hundred times as many of them as it uses. It is for one
// goroutine, and its answers are true as long as nobody writes.
type Looker struct {
	g       *Guest
	pagemap *os.File // nil: nothing is known
	entries []byte
}

// Looker opens the kernel's map of this process's pages. Where there is no /proc it knows nothing, nor does it of RAM that
// NewFromRegions was given: no page is known to be zero then. The caller owes a Close.
func (g *Guest) Looker() *Looker {
	l := &Looker{g: g}
	if g.blank || len(g.files) > 0 {
		l.pagemap, _ = os.Open("/proc/self/pagemap") // without it, all is looked at
	}
	return l
}

// Close closes the map.
func (l *Looker) Close() error {
	if l.pagemap == nil {
		return nil
	}
	return l.pagemap.Close()
}

// Bits of an entry for a page (Documentation/admin-guide/mm/pagemap.rst). A page that is neither present nor swapped out, or
// is a file's, has never been written, or was given back.
const (
	pagePresent = 1 << 63
	pageSwapped = 1 << 62
	pageOfFile  = 1 << 61
	entrySize   = 8
)

// Blank says of each page of RAM from a on, which is the beginning of a page, whether it certainly reads as zeros: it is as New
// made it, or it is in a hole of the file. There is an answer in pages for each; they must be in one region.
func (l *Looker) Blank(a Addr, pages []bool) error {
	clear(pages)
	b, err := l.g.Slice(a, uint64(len(pages))*PageSize)
	if err != nil || l.pagemap == nil {
		return err
	}
	if n := len(pages) * entrySize; n > len(l.entries) {
		l.entries = make([]byte, n)
	}
	entries := l.entries[:len(pages)*entrySize]
	if _, err := l.pagemap.ReadAt(entries, int64(hostAddr(b)/PageSize*entrySize)); err != nil {
		return nil // nothing is known
	}
	if len(l.g.files) > 0 {
		l.g.holes(a, pages)
	}
	for i := range pages {
		e := binary.LittleEndian.Uint64(entries[i*entrySize:])
		unwritten := e&pageSwapped == 0 && (e&pagePresent == 0 || e&pageOfFile != 0)
		pages[i] = unwritten && (pages[i] || len(l.g.files) == 0)
	}
	return nil
}

// holes says of each page from a on whether the file that it was made of has a hole there.
func (g *Guest) holes(a Addr, pages []bool) {
	all := Run{g.pageNumber(a), uint64(len(pages))}
	for _, p := range PiecesOf(g.pieces, all) {
		first, end := max(p.First, all.First), min(p.End(), all.End())
		fileHoles(g.files[p.Layer], int64(first*PageSize), pages[first-all.First:end-all.First])
	}
}

// fileHoles says of each page of a file from start on whether it is in a hole.
func fileHoles(f *os.File, start int64, pages []bool) {
	fd, end := int(f.Fd()), start+int64(len(pages))*PageSize
	for at := start; at < end; {
		data, err := unix.Seek(fd, at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			data = end // there is none any more
		} else if err != nil {
			return // a file system that does not know
		}
		for ; at+PageSize <= min(data, end); at += PageSize {
			pages[(at-start)/PageSize] = true
		}
		if data >= end {
			return
		}
		if at, err = unix.Seek(fd, data, unix.SEEK_HOLE); err != nil {
			return
		}
		at = (at + PageSize - 1) &^ (PageSize - 1)
	}
}

// pageNumber is that of the page at a, counted through the regions.
func (g *Guest) pageNumber(a Addr) uint64 {
	var n uint64
	for _, r := range g.regions {
		if a < r.End() {
			return n + uint64(a-r.Addr)/PageSize
		}
		n += r.Size() / PageSize
	}
	return n
}
