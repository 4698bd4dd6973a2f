package trace

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"terem/kvm"
	"terem/vcpu"
)

func sample() *Trace {
	return &Trace{
		Began: time.Unix(1700000000, 5), Took: 3 * time.Second, Only: All,
		Places:  []Place{{0x3f8, false, "serial"}, {0xfec00000, true, ""}},
		Symbols: []Symbol{{0xffffffff81000000, "startup_64"}},
		CPUs: []CPU{
			{Records: []Record{
				{At: 1, Took: 2, Reason: uint8(kvm.ExitIO), Write: true, Size: 1, Kept: 1, RIP: 0xffffffff81000004, Addr: 0x3f8, Count: 1, Data: [8]byte{'a'}},
				{At: 9, Reason: Sample, RIP: 0x400000},
			}, Lost: 7},
			{},
		},
	}
}

func written(t testing.TB, tr *Trace) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := tr.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFile(t *testing.T) {
	want := sample()
	got, err := Read(written(t, want))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v:\n%+v\n%+v", err, got, want)
	}
}

// TestShort: a file that was cut off is no trace, wherever that was.
func TestShort(t *testing.T) {
	b := written(t, sample())
	for n := range b {
		if tr, err := Read(b[:n]); err == nil {
			t.Errorf("%d of %d bytes: %+v", n, len(b), tr)
		}
	}
}

// TestRing: the last are kept, in their order.
func TestRing(t *testing.T) {
	r := NewRing(3, 1<<kvm.ExitIO)
	for i := range 5 {
		r.Exit(&vcpu.Exit{At: time.Duration(i), Reason: kvm.ExitIO})
		r.Exit(&vcpu.Exit{At: time.Duration(i), Reason: kvm.ExitMMIO})
		r.Interrupted(&vcpu.Exit{})
	}
	list, lost := r.Records()
	if lost != 2 || len(list) != 3 || list[0].At != 2 || list[2].At != 4 {
		t.Errorf("%d lost, %+v", lost, list)
	}
	p := NewRing(3, 0)
	p.Exit(&vcpu.Exit{Reason: kvm.ExitIO})
	p.Interrupted(&vcpu.Exit{RIP: 5})
	if list, lost := p.Records(); lost != 0 || len(list) != 1 || list[0].RIP != 5 || list[0].Name() != "sample" {
		t.Errorf("samples: %d lost, %+v", lost, list)
	}
}

// TestRingAllocatesNothing: it is filled on the exit path.
func TestRingAllocatesNothing(t *testing.T) {
	r := NewRing(100, All)
	x := &vcpu.Exit{Reason: kvm.ExitIO, Took: time.Hour}
	if n := testing.AllocsPerRun(1000, func() { r.Exit(x) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzRead: what can be read is written as it was.
func FuzzRead(f *testing.F) {
	f.Add(written(f, sample()))
	f.Add(written(f, &Trace{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		tr, err := Read(b)
		if err != nil {
			return
		}
		again, err := Read(written(t, tr))
		if err != nil || !reflect.DeepEqual(tr, again) {
			t.Fatalf("%v: %+v, %+v", err, tr, again)
		}
	})
}
