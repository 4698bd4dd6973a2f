package tty

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// played is what a stream of typed input leads to.
type played struct {
	sent    string
	actions []Action
	at      []int // how much was sent before each action
}

// play feeds typed pieces to an Escape, as launch does.
func play(t testing.TB, e *Escape, pieces ...[]byte) played {
	t.Helper()
	var p played
	for _, rest := range pieces {
		for len(rest) > 0 {
			before := len(rest)
			send, a, next := e.Next(rest)
			if len(next) >= before {
				t.Fatalf("Next(%q) leaves %q: it never ends", rest, next)
			}
			p.sent += string(send)
			if a != None {
				p.actions, p.at = append(p.actions, a), append(p.at, len(p.sent))
			}
			rest = next
		}
	}
	return p
}

func TestEscape(t *testing.T) {
	for _, tt := range []struct {
		typed, sent string
		actions     []Action
	}{
		{"", "", nil},
		{"ls\r", "ls\r", nil},
		{"\x03\x04\x1a", "\x03\x04\x1a", nil},
		{"\x01", "", nil},
		{"\x01x", "", []Action{Quit}},
		{"\x01X", "", []Action{Quit}},
		{"\x01h", "", []Action{Help}},
		{"\x01?", "", []Action{Help}},
		{"\x01b", "", []Action{Break}},
		{"\x01\x01", "\x01", nil},
		{"\x01\x01x", "\x01x", nil},
		{"\x01\x01\x01x", "\x01", []Action{Quit}},
		{"\x01q", "", nil},
		{"a\x01qb", "ab", nil},
		{"a\x01xb", "ab", []Action{Quit}},
		{"a\x01hb\x01bs", "abs", []Action{Help, Break}},
		{"x\x01", "x", nil},
		{"\x00\xff\x01\x00", "\x00\xff", nil},
	} {
		t.Run(fmt.Sprintf("%q", tt.typed), func(t *testing.T) {
			got := play(t, &Escape{}, []byte(tt.typed))
			if got.sent != tt.sent || !slices.Equal(got.actions, tt.actions) {
				t.Errorf("sent %q, actions %v; want %q, %v", got.sent, got.actions, tt.sent, tt.actions)
			}
		})
	}
}

func TestHelpTextFitsRawTerminal(t *testing.T) {
	if strings.Count(HelpText, "\n") != strings.Count(HelpText, "\r\n") {
		t.Error("a line ends without a carriage return")
	}
}

// FuzzEscape cuts typed input at any two places: that changes nothing.
func FuzzEscape(f *testing.F) {
	f.Add([]byte("ls\x01x"), uint(3), uint(1))
	f.Add([]byte("\x01\x01\x01b\x01"), uint(1), uint(2))
	f.Add([]byte("a\x01"), uint(2), uint(0))
	f.Fuzz(func(t *testing.T, typed []byte, i, j uint) {
		i = min(i, uint(len(typed)))
		j = i + min(j, uint(len(typed))-i)
		var whole, cut, single Escape
		want := play(t, &whole, typed)
		got := play(t, &cut, typed[:i], typed[i:j], typed[j:])
		one := play(t, &single, slices.Collect(slices.Chunk(typed, 1))...)
		for _, p := range []played{got, one} {
			if p.sent != want.sent || !slices.Equal(p.actions, want.actions) || !slices.Equal(p.at, want.at) {
				t.Errorf("in pieces %+v, in one piece %+v", p, want)
			}
		}
		if whole != cut || whole != single {
			t.Error("the pieces leave another state behind")
		}
		if !bytes.Contains(typed, []byte{ctrlA}) && want.sent != string(typed) {
			t.Errorf("%q was sent of %q", want.sent, typed)
		}
	})
}

func ExampleEscape() {
	var e Escape
	for rest := []byte("ls\r\x01x"); len(rest) > 0; {
		var send []byte
		var a Action
		send, a, rest = e.Next(rest)
		fmt.Printf("send %q, quit %v\n", send, a == Quit)
	}
	// Output:
	// send "ls\r", quit false
	// send "", quit true
}
