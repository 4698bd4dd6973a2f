package image

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"terem/internal/vm/disk/ext4"
)

// An access control list as the kernel shows it (linux/posix_acl_xattr.h): version 2, then
// entries of 8 bytes.
type aclEntry struct {
	tag, perm uint16
	id        uint32
}

const (
	aclGroup = 0x08 // of a group with a name
	aclMask  = 0x10
	noID     = 1<<32 - 1
)

// Attributes that have a list.
const (
	accessACL  = "system.posix_acl_access"
	defaultACL = "system.posix_acl_default"
)

// aclTags are the kinds of entries, without and with a name.
var aclTags = map[string][2]uint16{
	"user": {0x01, 0x02}, "u": {0x01, 0x02}, "group": {0x04, aclGroup}, "g": {0x04, aclGroup},
	"mask": {aclMask, aclMask}, "m": {aclMask, aclMask}, "other": {0x20, 0x20}, "o": {0x20, 0x20},
}

// numbers finds the number of a user or a group by its name.
type numbers func(tag uint16, name string) (uint32, error)

// setACL translates a list in words, "user::rw-,user:joe:r--:1000,...", into the attribute
// that the kernel has for it.
func setACL(n *ext4.Node, attr, words string, find numbers) error {
	var list []aclEntry
	for w := range strings.FieldsFuncSeq(words, func(c rune) bool { return c == ',' || c == '\n' }) {
		w, _, _ = strings.Cut(w, "#")
		if w = strings.TrimSpace(w); w == "" {
			continue
		}
		e, err := parseACL(strings.TrimPrefix(w, "default:"), find)
		if err != nil {
			return fmt.Errorf("access control list, %q: %w", w, err)
		}
		list = append(list, e)
	}
	if attr == accessACL && len(list) == 3 && !slices.ContainsFunc(list, func(e aclEntry) bool { return e.id != noID || e.tag == aclMask }) {
		return nil // owner, group and others: the mode says the same
	}
	slices.SortFunc(list, func(a, b aclEntry) int { return cmp.Or(cmp.Compare(a.tag, b.tag), cmp.Compare(a.id, b.id)) })
	b := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range list {
		b = binary.LittleEndian.AppendUint16(b, e.tag)
		b = binary.LittleEndian.AppendUint16(b, e.perm)
		b = binary.LittleEndian.AppendUint32(b, e.id)
	}
	n.Attrs[attr] = b
	return nil
}

// parseACL reads kind:name:permissions, with the name's number behind or instead of it.
func parseACL(word string, find numbers) (e aclEntry, err error) {
	parts := strings.Split(word, ":")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	tags, ok := aclTags[parts[0]]
	if len(parts) == 2 && tags[0] == tags[1] { // mask and other may do without the empty name
		parts = []string{parts[0], "", parts[1]}
	}
	if !ok || len(parts) < 3 || len(parts) > 4 {
		return e, fmt.Errorf("not understood")
	}
	e.tag, e.id = tags[0], noID
	for _, c := range parts[2] {
		switch c {
		case 'r':
			e.perm |= 4
		case 'w':
			e.perm |= 2
		case 'x':
			e.perm |= 1
		case '-':
		default:
			return e, fmt.Errorf("not understood")
		}
	}
	if parts[1] == "" || tags[0] == tags[1] {
		return e, nil
	}
	e.tag = tags[1]
	if len(parts) == 4 {
		parts[1] = parts[3]
	}
	if id, err := strconv.ParseUint(parts[1], 10, 32); err == nil {
		e.id = uint32(id)
		return e, nil
	}
	e.id, err = find(e.tag, parts[1])
	return e, err
}

// accounts finds numbers where the image's own system will: in /etc/passwd and /etc/group
// of the tree. (Owners of files have their numbers in a tar; names in a list may not.)
func (t *tree) accounts() numbers {
	read := map[uint16]map[string]uint32{}
	return func(tag uint16, name string) (uint32, error) {
		file := "passwd"
		if tag == aclGroup {
			file = "group"
		}
		if read[tag] == nil {
			read[tag] = t.account(file)
		}
		id, ok := read[tag][name]
		if !ok {
			return 0, fmt.Errorf("no such name in /etc/%s of the tar; make it with --numeric-owner", file)
		}
		return id, nil
	}
}

// account reads a file with a name, something and a number in each line. What is missing or
// odd has no names.
func (t *tree) account(file string) map[string]uint32 {
	ids := map[string]uint32{}
	etc, err := t.enter([]string{"etc"}, false)
	if err != nil || etc.Children[file] == nil || etc.Children[file].Open == nil {
		return ids
	}
	n := etc.Children[file]
	c, err := n.Open()
	if err != nil {
		return ids
	}
	defer c.Close() // read only
	const most = 4 << 20
	b := make([]byte, min(n.Size, most))
	if _, err := c.ReadAt(b, 0); err != nil {
		return ids
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		if f := strings.Split(line, ":"); len(f) > 2 {
			if id, err := strconv.ParseUint(f[2], 10, 32); err == nil {
				ids[f[0]] = uint32(id)
			}
		}
	}
	return ids
}
