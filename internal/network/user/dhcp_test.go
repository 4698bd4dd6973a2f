package user

import (
	"bytes"
	"encoding/binary"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/header"

	"terem/internal/network"
)

// message is a client's, with options.
func message(options ...byte) []byte {
	m := make([]byte, dhcpOptions)
	m[dhcpOp], m[1], m[2] = 1, 1, 6
	copy(m[dhcpXID:], "abcd")
	binary.BigEndian.PutUint32(m[dhcpMagic:], dhcpCookie)
	return append(append(m, options...), optEnd)
}

func TestDHCP(t *testing.T) {
	n := &Network{plan: network.NewPlan(plain, nil)}
	for _, tt := range []struct {
		what string
		m    []byte
		kind byte // 0: no answer
	}{
		{"discover", message(optMessage, 1, discover), offer},
		{"request", message(optMessage, 1, request, optAddress, 4, 10, 0, 2, 15), ack},
		{"another address", message(optMessage, 1, request, optAddress, 4, 10, 0, 2, 16), nak},
		{"another server", message(optMessage, 1, request, optServerID, 4, 10, 0, 2, 9), 0},
		{"a release", message(optMessage, 1, 7), 0},
		{"no message", message(), 0},
		{"a long message", message(optMessage, 2, 1, 1), 0},
		{"half an option", message(optMessage, 9), 0},
		{"short", make([]byte, 100), 0},
		{"an answer", append([]byte{2}, message(optMessage, 1, discover)[1:]...), 0},
	} {
		a := n.lease(tt.m)
		if (a != nil) != (tt.kind != 0) {
			t.Errorf("%s: answer %x", tt.what, a)
			continue
		}
		if a == nil {
			continue
		}
		o := dhcpOptionsOf(a[dhcpOptions:])
		if !bytes.Equal(o[optMessage], []byte{tt.kind}) || string(a[dhcpXID:dhcpXID+4]) != "abcd" {
			t.Errorf("%s: answer %x, want kind %d", tt.what, a, tt.kind)
		}
		if tt.kind != nak && (!bytes.Equal(a[dhcpYours:dhcpYours+4], []byte{10, 0, 2, 15}) || !bytes.Equal(o[optRouter], []byte{10, 0, 2, 2})) {
			t.Errorf("%s: answer %x", tt.what, a)
		}
	}
}

func FuzzDHCP(f *testing.F) {
	f.Add(message(optMessage, 1, discover))
	n := &Network{plan: network.NewPlan(plain, nil)}
	f.Fuzz(func(_ *testing.T, m []byte) { n.lease(m) })
}

// FuzzFrames is what the stack is to see of what a guest sends.
func FuzzFrames(f *testing.F) {
	f.Add(make([]byte, 60))
	n := &Network{plan: network.NewPlan(plain, nil)}
	f.Fuzz(func(_ *testing.T, frame []byte) {
		if len(frame) >= header.EthernetMinimumSize {
			n.ours(frame)
		}
	})
}
