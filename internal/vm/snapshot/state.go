package snapshot

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"terem/memory"
)

// The versions of the format. A whole snapshot is of the first one still, for who knows no other; a diff is of the second, so that nobody takes it for
// a whole one. Both are read.
const (
	Version     = 1
	VersionDiff = 2
)

// maxState bounds the size of DIR/state: enough for the sums of 16 TiB of RAM.
const maxState = 64 << 20

// Files are the names of the files in a snapshot's directory.
func Files() []string { return []string{stateFile, memoryFile} }

// State is what DIR/state holds. Writer.Commit fills in Version, Memory and Parent.
type State struct {
	Version int
	Made    Origin
	Memory  Memory
	Parent  *Parent         `json:",omitempty"` // of a diff
	Request json.RawMessage `json:"-"`          // what was asked for, to build the same machine again
	Machine json.RawMessage `json:"-"`          // registers, interrupt controllers, clocks, devices
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
	Pages   Runs     `json:",omitempty"` // of a diff: those that count, also where they are holes; the others are the parent's
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
	raw := make([]byte, len(b)/2)
	if _, err := hex.Decode(raw, b); err != nil {
		return fmt.Errorf("sums of chunks: %w", err)
	}
	*s = make(Sums, len(b)/sumDigits)
	for i := range *s {
		(*s)[i] = binary.BigEndian.Uint32(raw[4*i:])
	}
	return nil
}

// The text of DIR/state: four lines, the State, Request, Machine, and the CRC-32C of these three and their ends. Each is JSON, so
// that tools for it show them. Request and Machine are not a part of the State's line, since package json would scan them
// three times over, and a machine is to be restored in a few milliseconds.
const (
	seal     = `{"CRC32C":"%08x"}` + "\n"
	sealSize = len(`{"CRC32C":"00000000"}` + "\n")
)

// encode is the text of s.
func encode(s *State) ([]byte, error) {
	var b []byte
	for _, v := range []any{s, s.Request, s.Machine} {
		line, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("write the state: %w", err)
		}
		b = append(append(b, line...), '\n')
	}
	if len(b) > maxState-sealSize {
		return nil, fmt.Errorf("a state of %d bytes; %d are the most", len(b), maxState)
	}
	return fmt.Appendf(b, seal, crc32.Checksum(b, castagnoli())), nil
}

var (
	errNoState = errors.New("state is not what terem writes")
	errDamaged = errors.New("state is damaged or cut short")
)

// errVersion is a version that this terem does not know.
type errVersion int

func (v errVersion) Error() string {
	return fmt.Sprintf("it has version %d, and this terem knows versions %d and %d", int(v), Version, VersionDiff)
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
	lines := bytes.Split(b[:cut], []byte("\n"))
	s, err := unmarshal(lines[0])
	if err != nil {
		return nil, err
	}
	if len(lines) != 4 || len(lines[3]) > 0 {
		return nil, fmt.Errorf("state has %d lines, not 4", len(lines))
	}
	s.Request, s.Machine = lines[1], lines[2]
	total, err := memory.TotalSize(s.Memory.Regions)
	if err != nil {
		return nil, err
	}
	if got, want := len(s.Memory.Sums), countChunks(s.Memory.Regions); got != want {
		return nil, fmt.Errorf("state has the sums of %d chunks; %d bytes of memory have %d", got, total, want)
	}
	return s, s.checkParent(total / memory.PageSize)
}

// checkParent looks at what only a diff has.
func (s *State) checkParent(pages uint64) error {
	switch {
	case (s.Version == VersionDiff) != (s.Parent != nil):
		return fmt.Errorf("state has version %d, and its parent does not go with that", s.Version)
	case s.Parent == nil && s.Memory.Pages != nil:
		return errors.New("state has a list of pages, and no parent that would have the others")
	case s.Parent == nil:
		return nil
	}
	if err := s.Parent.check(); err != nil {
		return err
	}
	return memory.CheckRuns(s.Memory.Pages, pages)
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
	if err == nil && known(s.Version) {
		return s, nil
	}
	var v struct{ Version int }
	if e := json.Unmarshal(b, &v); e == nil && !known(v.Version) {
		return nil, errVersion(v.Version)
	}
	return nil, fmt.Errorf("read the state: %w", err)
}

func known(version int) bool { return version == Version || version == VersionDiff }

// Size is how many bytes DIR/memory has.
func (m *Memory) Size() int64 {
	var n uint64
	for _, r := range m.Regions {
		n += r.Size
	}
	return int64(n)
}
