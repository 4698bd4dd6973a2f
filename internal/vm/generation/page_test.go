package generation

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

func ExamplePage_Put() {
	p := Page{ID: [16]byte{1, 15: 2}, Away: time.Second, Seed: [32]byte{3, 31: 4}, Name: "blue"}
	b := make([]byte, Size)
	p.Put(b)
	fmt.Print(hex.Dump(b[:80]))
	// Output:
	// 00000000  01 00 00 00 00 00 00 00  00 00 00 00 00 00 00 02  |................|
	// 00000010  00 ca 9a 3b 00 00 00 00  00 00 00 00 00 00 00 00  |...;............|
	// 00000020  03 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|
	// 00000030  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 04  |................|
	// 00000040  62 6c 75 65 00 00 00 00  00 00 00 00 00 00 00 00  |blue............|
}

// put gives a page that was written over one with these eight bytes of time in it, and its own time.
func put(p Page, left string) []byte {
	b := bytes.Repeat([]byte{0xff}, Size+8)
	copy(b[offAway:], left)
	p.Put(b)
	return b
}

func TestTimeLeft(t *testing.T) {
	const none = "\x00\x00\x00\x00\x00\x00\x00\x00"
	for _, tt := range []struct {
		name string
		away time.Duration
		left string
		want string
	}{
		{"nothing left", 5, none, "\x05\x00\x00\x00\x00\x00\x00\x00"},
		{"not taken yet", 5, "\x02\x01\x00\x00\x00\x00\x00\x00", "\x07\x01\x00\x00\x00\x00\x00\x00"},
		{"a clock that went back", -5, none, none},
		{"more than a duration holds", 5, "\xff\xff\xff\xff\xff\xff\xff\x7f", "\x05\x00\x00\x00\x00\x00\x00\x00"},
		{"a guest's nonsense", math.MaxInt64, strings.Repeat("\xff", 8), "\xff\xff\xff\xff\xff\xff\xff\x7f"},
	} {
		if got := put(Page{Away: tt.away}, tt.left)[offAway : offAway+8]; string(got) != tt.want {
			t.Errorf("%s: %x, want %x", tt.name, got, tt.want)
		}
	}
}

func TestNameEnds(t *testing.T) {
	b := put(Page{Name: strings.Repeat("x", Size)}, "")
	if b[Size-1] != 0 || b[Size-2] != 'x' || b[Size] != 0xff {
		t.Errorf("the end of the page is %x", b[Size-2:])
	}
}

func TestNewIsNew(t *testing.T) {
	p, err := New(time.Second, "blue")
	q, err2 := New(time.Second, "blue")
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	if p.ID == q.ID || p.Seed == q.Seed || p.ID == [16]byte{} {
		t.Errorf("two generations are %x and %x", p, q)
	}
}

func TestNames(t *testing.T) {
	for name, ok := range map[string]bool{
		"": true, "blue-2.example": true, strings.Repeat("x", MaxName): true,
		strings.Repeat("x", MaxName+1): false, "a b": false, "a\x00": false, "a\n": false,
	} {
		if _, err := New(0, name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
