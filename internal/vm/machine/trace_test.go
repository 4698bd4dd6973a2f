package machine

import (
	"testing"
	"time"

	"terem/kvm"
	"terem/vcpu"
	"terem/vcpu/trace"
)

// traced runs a guest to its end and gives what a ring has kept of it.
func traced(t *testing.T, code []byte, only trace.Mask) []trace.Record {
	t.Helper()
	ring := trace.NewRing(1000, only)
	c := tinyConfig(code)
	c.Since = time.Now()
	c.Trace = func(int) vcpu.Tracer { return ring }
	m := newTiny(t, c)
	start(t, m)
	waitFor(t, m)
	if err := m.Pause(); err != nil {
		t.Fatal(err)
	}
	list, lost := ring.Records()
	if lost != 0 {
		t.Errorf("%d lost", lost)
	}
	return list
}

// TestTrace: each exit is there, with its bytes and its place in the code; what a filter leaves out is not.
func TestTrace(t *testing.T) {
	// in al, 0x64; mov [0xd0000000], eax; then "hi", a value read back, and the end
	code := code([]byte{0xe4, 0x64}, []byte{0xb8, 0x44, 0x33, 0x22, 0x11, 0xbb, 0, 0, 0, 0xd0, 0x89, 0x03}, say("hi"), out(0x5f8, 7), codeHalt)
	list := traced(t, code, trace.All)
	var got []trace.Record
	for _, r := range list {
		if r.RIP < codeAt || r.RIP > codeAt+uint64(len(code)) {
			t.Errorf("an exit at %#x", r.RIP)
		}
		if r.Reason == uint8(kvm.ExitIO) || r.Reason == uint8(kvm.ExitMMIO) {
			got = append(got, r)
		}
	}
	want := []struct {
		reason kvm.ExitReason
		addr   uint64
		write  bool
		data   string
	}{
		{kvm.ExitIO, 0x64, false, ""}, {kvm.ExitMMIO, 0xd0000000, true, "\x44\x33\x22\x11"},
		{kvm.ExitIO, 0x3f8, true, "h"}, {kvm.ExitIO, 0x3f8, true, "i"}, {kvm.ExitIO, 0x5f8, true, "\x07"},
	}
	if len(got) != len(want) {
		t.Fatalf("%d exits: %+v", len(got), got)
	}
	last := uint64(0)
	for i, w := range want {
		r := got[i]
		if r.Reason != uint8(w.reason) || r.Addr != w.addr || r.Write != w.write || w.data != "" && string(r.Data[:r.Kept]) != w.data || r.Size != r.Kept || r.Count != 1 {
			t.Errorf("exit %d: %+v, want %+v", i, r, w)
		}
		if r.At < last {
			t.Errorf("exit %d at %d, the one before at %d", i, r.At, last)
		}
		last = r.At
	}
	for _, r := range traced(t, code, 1<<kvm.ExitMMIO) {
		if r.Reason != uint8(kvm.ExitMMIO) {
			t.Errorf("not asked for: %+v", r)
		}
	}
}

// TestSamples: a vCPU that is poked says where it is, and goes on.
func TestSamples(t *testing.T) {
	ring := trace.NewRing(1000, 0)
	c := tinyConfig(codeSpin)
	c.Trace = func(int) vcpu.Tracer { return ring }
	m := newTiny(t, c)
	start(t, m)
	for range 20 {
		if err := m.Poke(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	if err := m.Pause(); err != nil {
		t.Fatal(err)
	}
	list, _ := ring.Records()
	if len(list) == 0 {
		t.Error("no samples")
	}
	for _, r := range list {
		if r.Reason != trace.Sample || r.RIP < codeAt || r.RIP > codeAt+2 {
			t.Errorf("%+v", r)
		}
	}
	m.Kill()
	if err := m.Poke(); err != nil { // of one that stands
		t.Error(err)
	}
}
