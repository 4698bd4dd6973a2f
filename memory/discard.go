package memory

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Discard gives the host back the pages that lie wholly within the n bytes at a, which must be in
// one region; otherwise it is a *RangeError. Pages that the range only touches stay. The guest may
// go on using all of them: RAM of [New] reads as zero then, and a private mapping of a file that
// [NewFromRegions] was given reads as the file.
func (g *Guest) Discard(a Addr, n uint64) error {
	b, err := g.Slice(a, n)
	if err != nil {
		return err
	}
	return Discard(b)
}

// Discard is [Guest.Discard] for a slice of guest RAM, as Guest.Slice has given it out.
func Discard(b []byte) error {
	b = wholePages(b)
	if len(b) == 0 {
		return nil
	}
	if err := unix.Madvise(b, unix.MADV_DONTNEED); err != nil {
		return fmt.Errorf("give %d bytes of guest RAM back to the host: %w", len(b), err)
	}
	return nil
}

// wholePages is the part of b that begins and ends at a page of the host.
func wholePages(b []byte) []byte {
	skip := -pageOffset(b) & (PageSize - 1)
	if skip >= len(b) {
		return nil
	}
	end := len(b) - (len(b)-skip)%PageSize
	return b[skip:end]
}
