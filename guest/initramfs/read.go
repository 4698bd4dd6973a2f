package initramfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Read parses an uncompressed archive up to its trailer. The input may come from anywhere: nothing is
// allocated for a length that the input does not hold.
func Read(r io.Reader) ([]Entry, error) {
	s := &source{r: r}
	var all []Entry
	for {
		e, err := s.entry()
		if err != nil {
			return all, fmt.Errorf("read entry %d of the initramfs: %w", len(all), err)
		}
		if e.Name == trailer {
			return all, nil
		}
		all = append(all, e)
	}
}

type source struct {
	r io.Reader
	n int64
}

func (s *source) entry() (Entry, error) {
	b, err := s.take(headerSize)
	if err != nil {
		return Entry{}, err
	}
	h, err := parseHeader(b)
	if err != nil {
		return Entry{}, err
	}
	if h.nameSize == 0 || h.nameSize > maxName {
		return Entry{}, fmt.Errorf("%w: a name of %d bytes", ErrFormat, h.nameSize)
	}
	name, err := s.padded(int64(h.nameSize))
	if err != nil {
		return Entry{}, err
	}
	name, _, _ = bytes.Cut(name, []byte{0})
	data, err := s.padded(int64(h.fileSize))
	if err != nil {
		return Entry{}, err
	}
	return Entry{Name: string(name), Mode: h.mode, Data: data, Major: h.rmajor, Minor: h.rminor}, nil
}

func (s *source) padded(n int64) ([]byte, error) {
	b, err := s.take(n)
	if err != nil {
		return nil, err
	}
	_, err = s.take(padding(s.n))
	return b, err
}

func (s *source) take(n int64) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	b, err := io.ReadAll(io.LimitReader(s.r, n))
	s.n += int64(len(b))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) < n {
		return nil, errors.Join(ErrFormat, io.ErrUnexpectedEOF)
	}
	return b, nil
}
