package pid1

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Kind says what an Entry is.
type Kind int

const (
	Dir Kind = iota
	Link
	File
)

// Entry is something that PID 1 makes in the first root file system.
type Entry struct {
	Kind Kind
	Name string // absolute
	Text string // of a file; where a link points
}

// MountPoints are the directories that PID 1 mounts file systems on, with their permissions.
func MountPoints() map[string]uint32 {
	return map[string]uint32{"/dev": 0o755, "/proc": 0o555, "/sys": 0o555, "/run": 0o755, "/tmp": 0o1777}
}

// entryLine is a function, since a variable of the package would cost each start of terem 114,000 instructions.
func entryLine() *regexp.Regexp {
	return regexp.MustCompile(`^(DIR|LINK|FILE)\(("(?:[^"\\]|\\[n"\\])*")(?:, ("(?:[^"\\]|\\[n"\\])*"))?\)$`)
}

// Entries lists what PID 1 makes, but for mount points and the names of busybox, from the table that it is
// compiled with.
func Entries() ([]Entry, error) {
	b, err := source.ReadFile("src/rootfs.h")
	if err != nil {
		return nil, err
	}
	line := entryLine()
	var all []Entry
	for s := range strings.Lines(string(b)) {
		s = strings.TrimSpace(s)
		if s == "" || strings.HasPrefix(s, "//") {
			continue
		}
		e, err := parseEntry(line, s)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

func parseEntry(line *regexp.Regexp, s string) (e Entry, err error) {
	m := line.FindStringSubmatch(s)
	if m == nil {
		return e, fmt.Errorf("src/rootfs.h: %q is no entry", s)
	}
	e.Kind = map[string]Kind{"DIR": Dir, "LINK": Link, "FILE": File}[m[1]]
	if (m[3] == "") != (e.Kind == Dir) {
		return e, fmt.Errorf("src/rootfs.h: %q has not the strings that a %s has", s, m[1])
	}
	if e.Name, err = strconv.Unquote(m[2]); err == nil && e.Kind != Dir {
		e.Text, err = strconv.Unquote(m[3])
	}
	return e, err
}
