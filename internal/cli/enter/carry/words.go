package carry

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"unicode"

	"terem/internal/fault"
)

// about is an error about a name that the guest chose, perhaps long ago: quoted, because a terminal obeys what may be in it.
func about(name string, err error) error {
	var told *fault.Error
	if err == nil || errors.As(err, &told) {
		return err
	}
	return fmt.Errorf("%q: %w", name, reason(err))
}

// reason is an error without the paths.
func reason(err error) error {
	var p *fs.PathError
	var l *os.LinkError
	switch {
	case errors.As(err, &p):
		return p.Err
	case errors.As(err, &l):
		return l.Err
	}
	return err
}

// saidMost is how much of what a program in the guest says on its standard error is kept, in bytes.
const saidMost = 1 << 10

// last keeps the end of what was written.
type last struct{ b []byte }

func (l *last) Write(p []byte) (int, error) {
	l.b = append(l.b, p...)
	l.b = l.b[max(0, len(l.b)-saidMost):]
	return len(p), nil
}

// line is the last line, without what a terminal would obey, or hide.
func (l *last) line(otherwise string) string {
	text := bytes.TrimSpace(l.b)
	text = text[bytes.LastIndexByte(text, '\n')+1:]
	clean := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, string(text))
	if clean = strings.TrimPrefix(clean, "tar: "); clean == "" {
		return otherwise
	}
	return clean
}
