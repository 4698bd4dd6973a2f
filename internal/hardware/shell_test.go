package main

import (
	"strings"
	"testing"
)

func TestPanicWatch(t *testing.T) {
	const panicked = "[ 14.2] Kernel panic - not syncing: Fatal exception"
	for text, want := range map[string]bool{panicked: true, "Kernel panic? no": false, "": false} {
		for _, step := range []int{1, 7, 1000} {
			var screen strings.Builder
			w := &panicWatch{to: &screen}
			for at := 0; at < len(text); at += step {
				if _, err := w.Write([]byte(text[at:min(at+step, len(text))])); err != nil {
					t.Fatal(err)
				}
			}
			if w.panicked.Load() != want || screen.String() != text {
				t.Errorf("%q by %d: %v, shown %q", text, step, w.panicked.Load(), screen.String())
			}
		}
	}
}
