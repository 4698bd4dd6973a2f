package network

import (
	"errors"
	"strings"
	"sync"
	"unicode"
)

// longestWords is how much of what a network process says is kept, in bytes: a line that says why it ended.
const longestWords = 300

// words are what a network process says on its standard error. It has parsed what strangers sent, so its words are cut and cleaned before a
// terminal gets them.
type words struct {
	mu   sync.Mutex
	said []byte
}

// Write keeps the beginning.
func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, p[:min(len(p), longestWords-len(w.said))]...)
	return len(p), nil
}

// error is the first line, or nil.
func (w *words) error() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	line, _, _ := strings.Cut(strings.TrimSpace(string(w.said)), "\n")
	line = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, line)
	if line == "" {
		return nil
	}
	return errors.New(line)
}
