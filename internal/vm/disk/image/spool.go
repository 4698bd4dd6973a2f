package image

import (
	"errors"
	"io"
	"os"
	"sort"

	"terem/internal/vm/disk/ext4"
)

// spool keeps the contents of a tar's files, one after the other, until it is known how
// large the file system must be. It has no name, so nothing is left of it.
type spool struct {
	f   *os.File
	end int64
	max int64 // bytes; 0: as many as come
}

func newSpool(dir string, limit uint64) (*spool, error) {
	f, err := os.CreateTemp(dir, ".terem-tar-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close() // nothing is in it
		return nil, err
	}
	return &spool{f: f, max: int64(limit)}, nil
}

// chunk is a range of a file and its place in the spool.
type chunk struct {
	ext4.Range
	at int64
}

// add reads the ranges of a file, which follow each other in r.
func (s *spool) add(r io.Reader, ranges []ext4.Range) (*spooled, error) {
	p := &spooled{spool: s}
	for _, x := range ranges {
		if s.max > 0 && x.Len > s.max-s.end {
			return nil, errSpool
		}
		// The spool is read by ReadAt alone, so its offset is its end.
		if _, err := io.CopyN(s.f, r, x.Len); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		p.chunks = append(p.chunks, chunk{x, s.end})
		s.end += x.Len
	}
	return p, nil
}

// spooled is a file in a spool.
type spooled struct {
	spool  *spool
	chunks []chunk
}

func (p *spooled) Close() error { return nil }

func (p *spooled) Ranges() ([]ext4.Range, error) {
	list := make([]ext4.Range, len(p.chunks))
	for i, c := range p.chunks {
		list[i] = c.Range
	}
	return list, nil
}

// ReadAt has zeros where no range is.
func (p *spooled) ReadAt(b []byte, off int64) (int, error) {
	clear(b)
	end := off + int64(len(b))
	first := sort.Search(len(p.chunks), func(i int) bool { return p.chunks[i].Off+p.chunks[i].Len > off })
	for _, c := range p.chunks[first:] {
		if c.Off >= end {
			break
		}
		from, to := max(off, c.Off), min(end, c.Off+c.Len)
		if _, err := p.spool.f.ReadAt(b[from-off:to-off], c.at+from-c.Off); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// blocks is what a file takes on a disk.
func (p *spooled) blocks() (n int64) {
	done := int64(0)
	for _, c := range p.chunks {
		first, end := max(done, c.Off/fileBlock), (c.Off+c.Len+fileBlock-1)/fileBlock
		n, done = n+max(0, end-first)*fileBlock, max(done, end)
	}
	return n
}
