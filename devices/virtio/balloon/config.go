package balloon

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"terem/memory"
)

// Feature bits, section 5.5.3.
const (
	featureStats     uint64 = 1 << 1
	featureOnOOM     uint64 = 1 << 2
	featurePoison    uint64 = 1 << 4
	featureReporting uint64 = 1 << 5
)

// The configuration space, section 5.5.4, little-endian.
//
//	off  size  who     field                  value
//	---  ----  ------  ---------------------  ------------------------------------------------
//	 0   4     device  num_pages              what the balloon is to hold, in pages of 4 KiB
//	 4   4     driver  actual                 what it holds, in pages of 4 KiB
//	 8   4     device  free_page_hint_cmd_id  0: not offered
//	12   4     driver  poison_val             what is in free pages, with PAGE_POISON
const (
	offTarget  = 0
	offActual  = 4
	offPoison  = 12
	configSize = 16
)

// pageSize is the unit of page numbers, whatever the guest's pages are.
const pageSize = 4096

// Config is what a balloon needs of the outside.
type Config struct {
	Memory       *memory.Guest // of which the balloon takes
	Reporting    bool          // the guest may also give back what it happens not to use
	DeflateOnOOM bool          // the guest may take pages out of the balloon before its programs die
}

// features is what is offered.
func (c *Config) features() uint64 {
	f := featureStats
	if c.Reporting {
		f |= featureReporting | featurePoison
	}
	if c.DeflateOnOOM {
		f |= featureOnOOM
	}
	return f
}

// ReadConfig gives the configuration space; see [virtio.Device].
func (b *Balloon) ReadConfig(p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	copy(p, b.config[:])
}

// WriteConfig is a driver's write into the configuration space, of which the fields that are the
// driver's take what is theirs; see [virtio.Device].
func (b *Balloon) WriteConfig(off uint64, p []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, v := range p {
		switch at := off + uint64(i); at &^ 3 {
		case offActual, offPoison:
			b.config[at] = v
		}
	}
}

// ErrTarget is wrapped by SetTarget's error.
var ErrTarget = errors.New("bad size of a balloon")

// SetTarget asks the guest to have so many bytes in the balloon, rounded down to pages. The guest
// does that when and as far as it can; see Actual. Call [virtio.MMIO.ConfigChanged] afterwards, which
// tells the driver.
func (b *Balloon) SetTarget(bytes uint64) error {
	if most := b.most(); bytes > most {
		return fmt.Errorf("%w: %d bytes: the guest has %d", ErrTarget, bytes, most)
	}
	b.set(offTarget, uint32(bytes/pageSize))
	return nil
}

// Target is the number of bytes that the balloon is to hold.
func (b *Balloon) Target() uint64 { return uint64(b.get(offTarget)) * pageSize }

// Actual is the number of bytes that the balloon holds: what the driver last said, on its word.
func (b *Balloon) Actual() uint64 { return uint64(b.get(offActual)) * pageSize }

// most is the largest target: all of RAM, as far as num_pages can say that.
func (b *Balloon) most() uint64 { return min(b.c.Memory.Size(), math.MaxUint32*pageSize) }

func (b *Balloon) get(off int) uint32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return binary.LittleEndian.Uint32(b.config[off:])
}

func (b *Balloon) set(off int, v uint32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	binary.LittleEndian.PutUint32(b.config[off:], v)
}
