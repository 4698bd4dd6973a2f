package cmdline

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// TestNetworkWord: messages of whole words, one behind the other, and the text at the end.
func TestNetworkWord(t *testing.T) {
	n := Network{
		Interfaces: []Address{
			{netip.MustParsePrefix("192.0.2.2/24"), netip.MustParseAddr("192.0.2.1")},
			{netip.MustParsePrefix("fd00::2/64"), netip.Addr{}},
		},
		Servers: []netip.Addr{netip.MustParseAddr("192.0.2.3")},
	}
	word, ok := strings.CutPrefix(n.Word(), "terem.net=")
	b, err := base64.RawURLEncoding.DecodeString(word)
	if !ok || err != nil {
		t.Fatalf("%q: %v", n.Word(), err)
	}
	var kinds []uint16
	var text string
	for len(b) > 0 {
		size := binary.LittleEndian.Uint32(b)
		if size < 16 || size%4 != 0 || int(size) > len(b) {
			t.Fatalf("a message of %d bytes in %d", size, len(b))
		}
		kind := binary.LittleEndian.Uint16(b[4:])
		kinds = append(kinds, kind)
		if kind == done {
			text = string(b[16:size])
		}
		b = b[size:]
	}
	if fmt.Sprint(kinds) != fmt.Sprint([]uint16{newAddr, newRoutes, newAddr, done}) {
		t.Errorf("messages %v", kinds)
	}
	if strings.TrimRight(text, "\n") != "nameserver 192.0.2.3" {
		t.Errorf("resolv.conf %q", text)
	}
}

func ExampleNetwork_Word() {
	fmt.Println((&Network{}).Word())
	// Output: terem.net=
}
