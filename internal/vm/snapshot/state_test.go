package snapshot

import (
	"encoding/json"
	"flag"
	"fmt"
	"hash/crc32"
	"os"
	"reflect"
	"strings"
	"testing"

	"terem/memory"
)

var update = flag.Bool("update", false, "write the golden file anew")

func wholeState() *State {
	s := someState()
	s.Version = Version
	s.Memory = Memory{Regions: []memory.Span{{Addr: 0, Size: ChunkSize + memory.PageSize}, {Addr: memory.HighRAM, Size: memory.PageSize}},
		Sums: Sums{1, 0xffffffff, 0xab}, File: Identity{Inode: 2, Size: 3, Mtime: 4, Ctime: 5}}
	return &s
}

func diffState() *State {
	s := wholeState()
	s.Version = VersionDiff
	s.Parent = &Parent{Dir: "../base", State: Digest{0xab, 31: 0xcd}}
	s.Memory.Pages = Runs{{First: 0, Count: 1}, {First: 2, Count: 17}, {First: 512, Count: 2}}
	return s
}

// TestGolden keeps the text as it is: to change it takes a new version.
func TestGolden(t *testing.T) {
	for path, state := range map[string]*State{"testdata/state": wholeState(), "testdata/diff": diffState()} {
		got, err := encode(state)
		mustDo(t, err)
		if *update {
			mustDo(t, os.WriteFile(path, got, 0o644))
		}
		want, err := os.ReadFile(path)
		mustDo(t, err)
		if string(got) != string(want) {
			t.Errorf("%s: the text has changed:\n%s", path, got)
		}
		s, err := decode(want)
		if mustDo(t, err); !reflect.DeepEqual(s, state) {
			t.Errorf("%s: read as %+v", path, s)
		}
	}
}

// TestEveryBit flips each bit of a state.
func TestEveryBit(t *testing.T) {
	text, err := encode(diffState())
	mustDo(t, err)
	for i := range len(text) * 8 {
		text[i/8] ^= 1 << (i % 8)
		if _, err := decode(text); err == nil {
			t.Errorf("bit %d of byte %d does not matter", i%8, i/8)
		}
		text[i/8] ^= 1 << (i % 8)
	}
	for n := range text {
		if _, err := decode(text[:n]); err == nil {
			t.Errorf("the first %d bytes are a state", n)
		}
	}
}

func TestTooLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 64 MiB of JSON")
	}
	s := wholeState()
	s.Machine = json.RawMessage(`"` + strings.Repeat("a", maxState) + `"`)
	if _, err := encode(s); err == nil {
		t.Error("a state that could not be read is written")
	}
}

// FuzzState has states of strangers, as they are and with their sum made right.
func FuzzState(f *testing.F) {
	text, err := encode(wholeState())
	mustDo(f, err)
	f.Add(text)
	f.Add(text[:len(text)-sealSize])
	diff, err := encode(diffState())
	mustDo(f, err)
	f.Add(diff[:len(diff)-sealSize])
	for _, line := range []string{
		`{"Version":2,"Novel":[]}`,
		`{"Version":1,"Memory":{"Regions":[{"Addr":18446744073709547520,"Size":4096}],"Sums":"00000000"}}`,
		`{"Version":1,"Memory":{"Regions":[{"Addr":0,"Size":70368744177664},{"Addr":4294967296,"Size":4096}],"Sums":""}}`,
		`{"Version":1,"Memory":{"Regions":null,"Sums":null}}`,
	} {
		f.Add([]byte(line + "\n{}\nnull\n"))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		sealed := fmt.Appendf(b[:len(b):len(b)], seal, crc32.Checksum(b, castagnoli()))
		for _, text := range [][]byte{b, sealed} {
			if s, err := decode(text); err == nil {
				check(t, s)
			}
		}
	})
}

// check has what the rest of the package relies on, of a state that was accepted.
func check(t *testing.T, s *State) {
	total, err := memory.TotalSize(s.Memory.Regions)
	if err != nil || !known(s.Version) || total > memory.MaxSize || s.Memory.Size() != int64(total) {
		t.Errorf("%+v: %v", s, err)
	}
	if (total+ChunkSize-1)/ChunkSize > uint64(len(s.Memory.Sums)) {
		t.Errorf("%d sums of %d bytes", len(s.Memory.Sums), total)
	}
	if (s.Parent != nil) != (s.Version == VersionDiff) || memory.CheckRuns(s.Memory.Pages, total/memory.PageSize) != nil {
		t.Errorf("%+v", s)
	}
	s.Request, s.Machine = nil, nil // which whoever knows them checks
	text, err := encode(s)
	mustDo(t, err)
	again, err := decode(text)
	if mustDo(t, err); !reflect.DeepEqual(again.Memory, s.Memory) || !reflect.DeepEqual(again.Parent, s.Parent) {
		t.Errorf("%+v, and again %+v", s.Memory, again.Memory)
	}
}
