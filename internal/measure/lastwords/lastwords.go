package lastwords

import "strings"

// Tail keeps the last bytes written to it.
type Tail struct{ b []byte }

const tailSize = 64 << 10

// Write never fails; see [io.Writer].
func (t *Tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if len(t.b) > 2*tailSize {
		t.b = append(t.b[:0], t.b[len(t.b)-tailSize:]...)
	}
	return len(p), nil
}

// String is what is kept.
func (t *Tail) String() string { return string(t.b) }

// Of picks a line from what a program said: the first one that speaks of a
// failure, from standard error if it can be, or else the last line of all.
func Of(stderr, stdout string) string {
	for _, text := range []string{stderr, stdout} {
		for line := range strings.Lines(text) {
			if isFailure(line) {
				return clean(line)
			}
		}
	}
	for _, text := range []string{stderr, stdout} {
		lines := strings.Split(strings.TrimSpace(text), "\n")
		if last := clean(lines[len(lines)-1]); last != "" {
			return last
		}
	}
	return "(said nothing)"
}

func isFailure(line string) bool {
	line = strings.ToLower(line)
	for _, w := range []string{"error", "panic", "fatal", "failed", "assert", "unexpected"} {
		if strings.Contains(line, w) && !strings.Contains(line, "warning") {
			return true
		}
	}
	return false
}

// clean drops what is not printable ASCII, and cuts a long line.
func clean(line string) string {
	const longest = 160
	line = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, line))
	return line[:min(len(line), longest)]
}
