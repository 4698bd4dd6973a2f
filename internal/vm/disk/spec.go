package disk

import (
	"fmt"
	"strings"

	"terem/internal/fault"
	"terem/internal/vm/commas"
)

// Cache says what a guest's completed write means.
type Cache int

const (
	Writeback    Cache = iota // it is in the host's page cache; the guest flushes
	Writethrough              // it is on the medium: a flush after each write
	None                      // it went past the host's page cache (O_DIRECT); the guest flushes
)

func (c Cache) String() string {
	return [...]string{"writeback", "writethrough", "none"}[c]
}

// MaxID is the most bytes of a disk's ID (VIRTIO_BLK_ID_BYTES, virtio 1.2 section
// 5.2.6).
const MaxID = 20

// Spec is one --disk.
type Spec struct {
	Path     string
	ReadOnly bool
	ID       string // what the guest reads as serial number; at most MaxID bytes; empty: the launcher gives one
	Cache    Cache
	Overlay  string // takes the writes in Path's stead; empty: none
}

const specForm = "path[,ro][,id=NAME][,cache=writeback|writethrough|none][,overlay=PATH]"

// ParseSpec reads the value of --disk. A comma within a path is written twice.
func ParseSpec(value string) (Spec, error) {
	bad := func(cause, mend string) (Spec, error) {
		return Spec{}, &fault.Error{Class: fault.Usage, Thing: fault.Field("Disks") + " " + value, Cause: cause, Mend: mend}
	}
	words := commas.Split(value)
	s := Spec{Path: words[0]}
	if s.Path == "" {
		return bad("no path", "write "+fault.Field("Disks")+" "+specForm)
	}
	seen := map[string]bool{}
	for _, w := range words[1:] {
		key, v, given := strings.Cut(w, "=")
		if seen[key] {
			return bad(key+" is there twice", "say it once")
		}
		seen[key] = true
		if cause, mend := s.set(key, v, given); cause != "" {
			return bad(cause, mend)
		}
	}
	return s, nil
}

// set applies one option, or says what is wrong with it.
func (s *Spec) set(key, v string, given bool) (cause, mend string) {
	switch key {
	case "ro":
		if given {
			return "ro takes no value", "write ro, or leave it out"
		}
		s.ReadOnly = true
	case "id":
		return s.setID(v)
	case "cache":
		for _, c := range []Cache{Writeback, Writethrough, None} {
			if v == c.String() {
				s.Cache = c
				return "", ""
			}
		}
		return fmt.Sprintf("no cache mode %q", v), "one of writeback, writethrough, none"
	case "overlay":
		if v == "" {
			return "overlay without a path", "write overlay=PATH; terem makes the file if it is missing"
		}
		s.Overlay = v
	default:
		return fmt.Sprintf("no option %q", key), "the form is " + specForm
	}
	return "", ""
}

func (s *Spec) setID(v string) (cause, mend string) {
	const mendID = "1 to 20 letters, digits and signs"
	if v == "" || len(v) > MaxID {
		return fmt.Sprintf("an id of %d bytes", len(v)), mendID
	}
	for _, c := range []byte(v) {
		if c <= ' ' || c > '~' {
			return fmt.Sprintf("id %q has a byte that is neither letter, digit nor sign", v), mendID
		}
	}
	s.ID = v
	return "", ""
}
