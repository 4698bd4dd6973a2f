package pid1

import (
	"embed"
	"fmt"
	"io/fs"

	"terem/guest/agent"
	"terem/guest/bare"
)

//go:embed src/*.c src/*.h
var source embed.FS

// Program is PID 1. The names under which busybox may be called are compiled in; they do not count as a part
// of the source.
func Program(applets []string) bare.Program {
	return bare.Program{Name: "init", Source: source, Shared: []fs.FS{agent.Source()}, More: map[string][]byte{"applets.h": cString(applets)}}
}

// cString writes names as C string literals, each name ended by a NUL.
func cString(names []string) []byte {
	b := []byte("\"\"\n")
	for _, n := range names {
		for _, c := range []byte(n) {
			b = fmt.Appendf(b, "\"\\x%02x\"", c)
		}
		b = append(b, "\"\\0\"\n"...)
	}
	return b
}
