package network

import (
	"strings"
	"testing"
)

// TestWords: one line, of printable characters, however much there is.
func TestWords(t *testing.T) {
	for _, tt := range []struct{ said, want string }{
		{"", "<nil>"}, {"\n \n", "<nil>"}, {"seccomp: refused\ngoroutine 1\n", "seccomp: refused"},
		{"\x1b[2Jhello\x07\r\n", "[2Jhello"}, {strings.Repeat("x", 1<<20), strings.Repeat("x", longestWords)},
	} {
		w := &words{}
		for rest := tt.said; rest != ""; {
			n := min(len(rest), 7000)
			if k, err := w.Write([]byte(rest[:n])); k != n || err != nil {
				t.Fatalf("%d of %d, %v", k, n, err)
			}
			rest = rest[n:]
		}
		got := "<nil>"
		if err := w.error(); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%.40q: %q, want %q", tt.said, got, tt.want)
		}
	}
}
