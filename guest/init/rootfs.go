package pid1

import (
	"fmt"
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

// Entries lists what PID 1 makes, but for mount points and the names of busybox, from the table that it is
// compiled with.
func Entries() ([]Entry, error) {
	b, err := source.ReadFile("src/rootfs.h")
	if err != nil {
		return nil, err
	}
	var all []Entry
	for s := range strings.Lines(string(b)) {
		s = strings.TrimSpace(s)
		if s == "" || strings.HasPrefix(s, "//") {
			continue
		}
		e, err := parseEntry(s)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// parseEntry reads DIR("/name"), LINK("/name", "where it points") or FILE("/name", "text").
func parseEntry(s string) (e Entry, err error) {
	kind, rest, _ := strings.Cut(s, "(")
	kinds := map[string]Kind{"DIR": Dir, "LINK": Link, "FILE": File}
	k, known := kinds[kind]
	e.Kind = k
	e.Name, rest, err = quoted(rest)
	if err == nil && k != Dir {
		if after, ok := strings.CutPrefix(rest, ", "); ok {
			e.Text, rest, err = quoted(after)
		}
	}
	if err != nil || !known || rest != ")" || k != Dir && e.Text == "" {
		return Entry{}, fmt.Errorf("src/rootfs.h: %q is no entry", s)
	}
	return e, nil
}

// quoted takes a string literal from the front of s. Of escapes it knows those that C and Go read alike.
func quoted(s string) (text, rest string, err error) {
	q, err := strconv.QuotedPrefix(s)
	if err != nil {
		return "", "", err
	}
	for _, escape, found := strings.Cut(q, `\`); found; _, escape, found = strings.Cut(escape[1:], `\`) {
		if !strings.ContainsAny(escape[:1], `n"\`) {
			return "", "", strconv.ErrSyntax
		}
	}
	text, err = strconv.Unquote(q)
	return text, s[len(q):], err
}
