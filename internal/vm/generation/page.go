package generation

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"
)

const (
	offID   = 0
	offAway = 16
	offSeed = 32
	offName = 64

	// Size is how much of the page is written.
	Size = 128

	// MaxName is how long a host name may be.
	MaxName = Size - offName - 1
)

// Page is what a restored guest is told.
type Page struct {
	ID   [16]byte
	Away time.Duration // since the snapshot; what is negative counts as none
	Seed [32]byte      // a secret of this one machine
	Name string        // host name; empty leaves the guest's
}

// New draws an identifier and a seed that no other machine has.
func New(away time.Duration, name string) (Page, error) {
	p := Page{Away: away, Name: name}
	if err := CheckName(name); err != nil {
		return p, err
	}
	rand.Read(p.ID[:]) // never fails, and fills it all
	rand.Read(p.Seed[:])
	return p, nil
}

// CheckName says whether a guest takes the name for its own.
func CheckName(name string) error {
	if len(name) > MaxName {
		return fmt.Errorf("host name of %d bytes: the most is %d", len(name), MaxName)
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return fmt.Errorf("host name %q has blanks or control characters", name)
	}
	return nil
}

// Put writes the page into b, which has Size bytes or more. A guest that was saved before it took the time of the last
// restore has that still to come.
func (p Page) Put(b []byte) {
	b = b[:Size]
	away := uint64(max(p.Away, 0))
	if left := binary.LittleEndian.Uint64(b[offAway:]); left <= math.MaxInt64-away {
		away += left
	}
	clear(b)
	copy(b[offID:], p.ID[:])
	binary.LittleEndian.PutUint64(b[offAway:], away)
	copy(b[offSeed:], p.Seed[:])
	copy(b[offName:Size-1], p.Name)
}
