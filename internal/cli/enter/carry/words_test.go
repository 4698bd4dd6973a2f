package carry

import (
	"archive/tar"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"terem/internal/fault"
	"terem/internal/vm/agent"
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

// TestFailures: what `terem exec` tells of a guest, `terem cp` tells with the same status.
func TestFailures(t *testing.T) {
	for err, want := range map[error]int{
		&agent.ProtocolError{Said: "nonsense"}:                   fault.StatusGuest,
		&agent.StartError{Errno: syscall.EACCES, Step: "execve"}: fault.StatusNotExecutable,
		&agent.StartError{Errno: syscall.ENOENT, Step: "execve"}: fault.StatusHost, // it is not what the user named
		agent.ErrGone: fault.StatusGone,
	} {
		if got := failure("web", "tar", err); fault.Status(got) != want {
			t.Errorf("%v: status %d, want %d", got, fault.Status(got), want)
		}
	}
}

// TestOperand: no file's name is an option of tar's, and what is sent under the name is found under it.
func TestOperand(t *testing.T) {
	if got := operand("-x"); got != "./-x" {
		t.Error(got)
	}
	for _, base := range []string{"x", ".", ".x"} {
		if got := operand(base); got != base {
			t.Error(got)
		}
	}
	dir := t.TempDir()
	if err := sent(t, dir, "-x", entry{name: "./-x/", kind: tar.TypeDir}, entry{name: "./-x/-y", body: "z"}); err != nil {
		t.Error(err)
	}
	if got := tree(t, dir); got != "-x/ -x/-y=z" {
		t.Error(got)
	}
}

// TestBaseOf: a place of the host's has a name that stays below where the archive is unpacked.
func TestBaseOf(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for p, want := range map[string]string{"x": "x", "x/": "x", "x/.": ".", ".": ".", "..": "a", "x/..": "b", "../": "a", "/": ".", "/..": "."} {
		if got := baseOf(p); got != want {
			t.Errorf("%q: %q, want %q", p, got, want)
		}
	}
}
