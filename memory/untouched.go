package memory

import (
	"encoding/binary"
	"os"
)

// Looker tells pages of a guest that nobody has touched, without touching them: to look at one costs a page fault, and a
// guest may have a hundred times as many as it uses. It is for one goroutine.
type Looker struct {
	pagemap *os.File // nil: nothing is known
	entries []byte
}

// Looker opens the kernel's map of this process's pages. It knows nothing of RAM that New did not make, and where there is no
// /proc: it then takes every page for touched. The caller owes a Close.
func (g *Guest) Looker() *Looker {
	l := &Looker{}
	if g.blank {
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

// Bits of an entry for a page (Documentation/admin-guide/mm/pagemap.rst). A page of RAM that New made and that is neither
// present nor swapped out has never been written, or was given back: it reads as zeros.
const (
	pagePresent = 1 << 63
	pageSwapped = 1 << 62
	entrySize   = 8
)

// Untouched says for each page of b, which is a part of the guest's RAM and begins at a page, whether it certainly reads as
// zeros because nobody has touched it. The answer is in pages, which has a place for each, and true only as long as nobody
// writes.
func (l *Looker) Untouched(b []byte, pages []bool) {
	clear(pages)
	if l.pagemap == nil {
		return
	}
	if n := len(pages) * entrySize; n > len(l.entries) {
		l.entries = make([]byte, n)
	}
	entries := l.entries[:len(pages)*entrySize]
	if _, err := l.pagemap.ReadAt(entries, int64(hostAddr(b)/PageSize*entrySize)); err != nil {
		return
	}
	for i := range pages {
		pages[i] = binary.LittleEndian.Uint64(entries[i*entrySize:])&(pagePresent|pageSwapped) == 0
	}
}
