package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"time"

	"terem/memory"
)

// Version is that of the format which is written, and the only one that is read.
const Version = 1

// maxState bounds the size of DIR/state: enough for the sums of 16 TiB of RAM.
const maxState = 64 << 20

// State is what DIR/state holds. Writer.Commit fills in Version and Memory.
type State struct {
	Version int
	Made    Origin
	Request json.RawMessage // what was asked for, to build the same machine again
	Machine json.RawMessage // registers, interrupt controllers, clocks, devices
	Memory  Memory
}

// Origin says where a snapshot was made: not every host can restore it.
type Origin struct {
	Terem   string // the build
	Kernel  string // the host's release
	Backend string // "vt-x", "amd-v", "software"
	Vendor  string // of the CPU
	Model   string // its name
	Time    time.Time
}

// Memory describes DIR/memory: the regions, one after the other.
type Memory struct {
	Regions []memory.Span
	Sums    Sums     // of each chunk of each region
	File    Identity // of DIR/memory, when it was written
}

// Sums are CRC-32C (Castagnoli). In JSON they are one string with eight hexadecimal digits for each.
type Sums []uint32

const sumDigits = 8

// MarshalText is for package json.
func (s Sums) MarshalText() ([]byte, error) {
	b := make([]byte, 0, len(s)*sumDigits)
	for _, sum := range s {
		b = fmt.Appendf(b, "%0*x", sumDigits, sum)
	}
	return b, nil
}

// UnmarshalText is for package json.
func (s *Sums) UnmarshalText(b []byte) error {
	if len(b)%sumDigits != 0 {
		return errors.New("sums of chunks are not of 8 digits each")
	}
	*s = make(Sums, 0, len(b)/sumDigits)
	for ; len(b) > 0; b = b[sumDigits:] {
		sum, err := strconv.ParseUint(string(b[:sumDigits]), 16, 32)
		if err != nil {
			return fmt.Errorf("sum of chunk %d: %w", len(*s), err)
		}
		*s = append(*s, uint32(sum))
	}
	return nil
}

// The text of DIR/state: a line with the State, and one with the CRC-32C of that line and its end. Both are JSON, so that tools
// for it show them.
const (
	seal     = `{"CRC32C":"%08x"}` + "\n"
	sealSize = len(`{"CRC32C":"00000000"}` + "\n")
)

// encode is the text of s.
func encode(s *State) ([]byte, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("write the state: %w", err)
	}
	if len(b) > maxState-1-sealSize {
		return nil, fmt.Errorf("a state of %d bytes; %d are the most", len(b), maxState)
	}
	b = append(b, '\n')
	return fmt.Appendf(b, seal, crc32.Checksum(b, castagnoli())), nil
}

var (
	errNoState = errors.New("state is not what terem writes")
	errDamaged = errors.New("state is damaged or cut short")
)

// errVersion is a version that this terem does not know.
type errVersion int

func (v errVersion) Error() string {
	return fmt.Sprintf("it has version %d, and this terem knows version %d", int(v), Version)
}

// decode reads the text of a State, which anybody may have written, and checks all that does not need DIR/memory.
func decode(b []byte) (*State, error) {
	if !bytes.HasPrefix(b, []byte(`{"Version":`)) {
		return nil, errNoState
	}
	cut := len(b) - sealSize
	if cut < 1 || string(b[cut:]) != fmt.Sprintf(seal, crc32.Checksum(b[:cut], castagnoli())) {
		return nil, errDamaged
	}
	s, err := unmarshal(b[:cut])
	if err != nil {
		return nil, err
	}
	total, err := memory.TotalSize(s.Memory.Regions)
	if err != nil {
		return nil, err
	}
	if got, want := len(s.Memory.Sums), countChunks(s.Memory.Regions); got != want {
		return nil, fmt.Errorf("state has the sums of %d chunks; %d bytes of memory have %d", got, total, want)
	}
	return s, nil
}

// unmarshal is strict. A newer version is one whatever else is in it.
func unmarshal(b []byte) (*State, error) {
	s := &State{}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	err := d.Decode(s)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errors.New("something follows the state")
		}
	}
	if err == nil && s.Version == Version {
		return s, nil
	}
	var v struct{ Version int }
	if e := json.Unmarshal(b, &v); e == nil && v.Version != Version {
		return nil, errVersion(v.Version)
	}
	return nil, fmt.Errorf("read the state: %w", err)
}

// Size is how many bytes DIR/memory has.
func (m *Memory) Size() int64 {
	var n uint64
	for _, r := range m.Regions {
		n += r.Size
	}
	return int64(n)
}
