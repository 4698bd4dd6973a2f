package carry

import (
	"archive/tar"
	"fmt"
	"strings"
	"testing"
	"unicode"
)

// TestQuoted: no name of the guest's reaches the terminal as it is.
func TestQuoted(t *testing.T) {
	const evil = "no\x1b[2J\nterem: all is well\u009b\u202e"
	for name, list := range map[string][]entry{
		"missing":    {{name: "d/", kind: tar.TypeDir}, {name: "d/" + evil + "/x"}},
		"a link":     {{name: "d/", kind: tar.TypeDir}, {name: "d/" + evil + "/x", kind: tar.TypeSymlink, link: "y"}},
		"hard link":  {{name: "d/", kind: tar.TypeDir}, {name: "d/x", kind: tar.TypeLink, link: "d/" + evil}},
		"directory":  {{name: "d/", kind: tar.TypeDir}, {name: "d/" + evil, body: "x"}, {name: "d/" + evil + "/", kind: tar.TypeDir}},
		"in the way": {{name: "d/", kind: tar.TypeDir}, {name: "d/" + evil + "/", kind: tar.TypeDir}, {name: "d/" + evil, body: "x"}},
		"outside":    {{name: "d/", kind: tar.TypeDir}, {name: "d/../" + evil, body: "x"}},
	} {
		err := sent(t, t.TempDir(), "d", list...)
		if err == nil || strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%s: %q", name, fmt.Sprint(err))
		}
	}
}
