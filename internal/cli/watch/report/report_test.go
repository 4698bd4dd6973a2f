package report

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"terem/kvm"
	"terem/vcpu/trace"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sample is a guest that prints, and reads a timer, on two vCPUs.
func sample() *trace.Trace {
	t := &trace.Trace{
		Began: time.Unix(1700000000, 0), Took: 2 * time.Second, Only: trace.All, CPUs: make([]trace.CPU, 2),
		Places:  []trace.Place{{Addr: 0x3f8, Name: "serial"}, {Addr: 0xfed00000, Memory: true, Name: "virtio <disk>"}},
		Symbols: []trace.Symbol{{Addr: 0xffffffff81000000, Name: "startup_64"}, {Addr: 0xffffffff81001000, Name: "io_serial_out"}, {Addr: 0xffffffff81002000, Name: "vm_find_vqs"}},
	}
	for i := range uint64(400) {
		t.CPUs[0].Records = append(t.CPUs[0].Records, trace.Record{At: 1e8 + i*i*1e4, Took: 2000 + uint32(i), Reason: uint8(kvm.ExitIO), Write: true, Size: 1, Count: 1, Kept: 1,
			RIP: 0xffffffff81001004, Addr: 0x3f8, Data: [8]byte{byte('a' + i%26)}})
		if i%8 == 0 {
			t.CPUs[1].Records = append(t.CPUs[1].Records, trace.Record{At: 5e8 + i*2e6, Took: 5e6, Reason: uint8(kvm.ExitMMIO), Size: 4, Count: 1, Kept: 4,
				RIP: 0xffffffff81002010, Addr: 0xfed00010})
		}
	}
	t.CPUs[1].Records = append(t.CPUs[1].Records, trace.Record{At: 19e8, Took: 31000, Reason: uint8(kvm.ExitDebug), RIP: 0x401000})
	t.CPUs[1].Lost = 3
	return t
}

// samples is a profile.
func samples() *trace.Trace {
	t := sample()
	t.Every, t.Only = time.Millisecond, 0
	for _, c := range t.CPUs {
		for i := range c.Records {
			c.Records[i] = trace.Record{At: c.Records[i].At, Reason: trace.Sample, RIP: c.Records[i].RIP}
		}
	}
	return t
}

func TestTables(t *testing.T) {
	other := sample()
	other.CPUs[0].Records = other.CPUs[0].Records[:100]
	short := sample()
	for i := range short.CPUs {
		short.CPUs[i].Records = short.CPUs[i].Records[:4]
	}
	for name, write := range map[string]func(io.Writer) error{
		"trace.txt":   func(w io.Writer) error { return Table(w, Sum(sample())) },
		"profile.txt": func(w io.Writer) error { return Table(w, Sum(samples())) },
		"diff.txt":    func(w io.Writer) error { return Compare(Sum(sample()), Sum(other)).Table(w) },
		"list.txt":    func(w io.Writer) error { return List(w, short) },
	} {
		var b strings.Builder
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name)
		if *update {
			if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(path, []byte(b.String()), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || b.String() != string(want) {
			t.Errorf("%s: %v; -update writes it anew. Got\n%s", name, err, b.String())
		}
	}
}

// TestHTML writes the pages to the directory $TEREM_TRACE_PAGES, too, to look at.
func TestHTML(t *testing.T) {
	for name, tr := range map[string]*trace.Trace{"trace": sample(), "profile": samples(), "empty": {CPUs: make([]trace.CPU, 1)}} {
		var b strings.Builder
		if err := HTML(&b, tr); err != nil {
			t.Fatal(err)
		}
		if dir := os.Getenv("TEREM_TRACE_PAGES"); dir != "" {
			if err := os.WriteFile(filepath.Join(dir, name+".html"), []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if strings.Contains(b.String(), "<disk>") || strings.Contains(b.String(), "http") || strings.Contains(b.String(), "NaN") || strings.Contains(b.String(), "ZgotmplZ") {
			t.Errorf("%s: foreign text is not escaped, or something is wanted from elsewhere", name)
		}
		for d := xml.NewDecoder(strings.NewReader(b.String())); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: not well formed: %v", name, err)
			}
		}
	}
}

// FuzzSum: whatever a trace has, it can be shown.
func FuzzSum(f *testing.F) {
	var b strings.Builder
	if err := sample().Write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(b.String()))
	long := sample()
	last := &long.CPUs[0].Records[len(long.CPUs[0].Records)-1]
	for _, at := range []uint64{1 << 53, 1<<53 + 1, 9.2e18, 1<<64 - 1} {
		last.At = at
		b.Reset()
		if err := long.Write(&b); err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(b.String()))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		tr, err := trace.Read(file)
		if err != nil {
			return
		}
		s := Sum(tr)
		if err := errors.Join(Table(io.Discard, s), List(io.Discard, tr), HTML(io.Discard, tr), Compare(s, s).Table(io.Discard)); err != nil {
			t.Fatal(err)
		}
	})
}
