package ctl

import (
	"slices"
	"testing"

	"terem/devices/devicetest"
)

// host keeps what a port called back.
type host struct {
	status []uint8
	events []Event
}

func (h *host) exit(s uint8)  { h.status = append(h.status, s) }
func (h *host) event(e Event) { h.events = append(h.events, e) }

func TestPort(t *testing.T) {
	tests := []struct {
		name    string
		off     uint64
		write   []byte
		status  []uint8
		events  []Event
		unknown uint64
	}{
		{"success", 0, []byte{0}, []uint8{0}, nil, 0},
		{"failure", 0, []byte{255}, []uint8{255}, nil, 0},
		{"power off", 1, []byte{1}, nil, []Event{PowerOff}, 0},
		{"init", 1, []byte{2}, nil, []Event{Panicked}, 0},
		{"first act", 1, []byte{4}, nil, []Event{Began}, 0},
		{"last act", 1, []byte{5}, nil, []Event{Executing}, 0},
		{"beyond the last", 1, []byte{6}, nil, nil, 1},
		{"unknown", 1, []byte{0}, nil, nil, 1},
		{"both at once", 0, []byte{3, 1}, []uint8{3}, []Event{PowerOff}, 0},
		{"too wide", 1, []byte{2, 2, 2, 2}, nil, []Event{Panicked}, 0},
		{"nothing", 0, nil, nil, nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var h host
			c := New(h.exit, h.event)
			c.Write(tt.off, tt.write)
			if !slices.Equal(h.status, tt.status) || !slices.Equal(h.events, tt.events) {
				t.Errorf("called back %v and %v, want %v and %v", h.status, h.events, tt.status, tt.events)
			}
			s := c.Save()
			if s.Unknown != tt.unknown || s.Exited != (tt.status != nil) {
				t.Errorf("state %+v", s)
			}
		})
	}
}

func TestRead(t *testing.T) {
	c := New(nil, nil)
	p := make([]byte, 2)
	c.Read(0, p)
	if p[0] != Version || p[1] != 0xff {
		t.Errorf("reads % x, want 01 ff", p)
	}
	c.Read(0, nil)
}

func FuzzPort(f *testing.F) {
	f.Add([]byte{1, 0, 0, 3, 1, 2})
	f.Fuzz(func(t *testing.T, ops []byte) {
		var h host
		c := New(h.exit, h.event)
		devicetest.Poke(c, Size, ops)
		if s := c.Save(); s.Exited && h.status[len(h.status)-1] != s.Status {
			t.Fatalf("state %+v, but the host was told %v", s, h.status)
		}
	})
}
