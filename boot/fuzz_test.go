package boot

import (
	"bytes"
	"errors"
	"testing"

	"terem/boot/compression"
	"terem/boot/unpack/unpacktest"
	"terem/internal/fault"
	"terem/memory"
)

// fuzzRAM is the memory of a fuzzed guest: small, so that sizes are often too big.
const fuzzRAM = 8 << 20

// loadHostile loads an image that may be anything. A loader gives an *fault.Error or a start state
// inside guest RAM; guard pages catch a write elsewhere. What lies where the loader put it must
// be intact: the tables are not under the kernel.
func loadHostile(t *testing.T, image []byte, o Options) {
	t.Helper()
	m := newGuest(t, fuzzRAM)
	p := Platform{CmdLine: "quiet", CPUs: 2, RNGSeed: []byte("0123456789abcdef"), MPTable: true, ACPI: true,
		Initrd: &Initrd{R: bytes.NewReader([]byte("initrd")), Size: 6}}
	e, err := bootImage(m, image, o, p)
	var ie *fault.Error
	switch {
	case err == nil && !m.Contains(e.IP, 1):
		t.Errorf("entry at %v, outside guest RAM", e.IP)
	case err != nil && !errors.As(err, &ie):
		t.Errorf("error of another kind: %v", err)
	case err != nil:
		return
	}
	for a, want := range map[memory.Addr]string{
		memory.CommandLine: "quiet\x00", memory.MPPointer: "_MP_", memory.MPTable: "PCMP",
		memory.RSDP: "RSD PTR ", initrdAt(t, m, e): "initrd",
	} {
		if got := bytesAt(t, m, a, uint64(len(want))); string(got) != want {
			t.Errorf("at %v: %q, want %q", a, got, want)
		}
	}
}

// initrdAt is where the kernel is told that its initrd lies.
func initrdAt(t *testing.T, m *memory.Guest, e Entry) memory.Addr {
	t.Helper()
	if e.Mode == Protected {
		at, err := m.Load64(memory.PVHModules)
		if err != nil {
			t.Fatal(err)
		}
		return memory.Addr(at)
	}
	at, err := m.Load32(e.Arg + hdrRamdiskImage)
	if err != nil {
		t.Fatal(err)
	}
	return memory.Addr(at)
}

func FuzzELF(f *testing.F) {
	f.Add(pvhKernel(1 << 20))
	f.Add(pvhKernel32(1 << 20))
	f.Add(buildELF(1<<20, testSegment{kind: elfPTLoad, paddr: 1 << 20, data: []byte{0xf4}}))
	f.Add(buildELF(2<<20, testSegment{kind: elfPTLoad, paddr: 2 << 20, data: []byte("text"), memsz: 0x1000},
		testSegment{kind: elfPTLoad, vaddr: 0x1000, paddr: 3 << 20, data: []byte("data")}))
	f.Fuzz(func(t *testing.T, image []byte) {
		loadHostile(t, image, Options{Protocol: ProtocolLinux})
	})
}

func FuzzPVH(f *testing.F) {
	f.Add(pvhKernel(1 << 20))
	f.Add(pvhKernel32(1 << 20))
	f.Add(buildELF(1<<20, testSegment{kind: elfPTLoad, paddr: 1 << 20, data: []byte{0xf4}},
		testSegment{kind: elfPTNote, align: 8, data: bytes.Repeat([]byte{8, 0, 0, 0}, 20)}))
	f.Fuzz(func(t *testing.T, image []byte) {
		loadHostile(t, image, Options{Protocol: ProtocolPVH})
		loadHostile(t, image, Options{})
	})
}

func FuzzBzImage(f *testing.F) {
	image := testBzImage([]byte("payload"))
	f.Add(image)
	f.Add(image[:0x300])
	f.Add(testBzImage(buildELF(1<<20, testSegment{kind: elfPTLoad, paddr: 1 << 20, data: []byte{0xf4}})))
	f.Fuzz(func(t *testing.T, image []byte) {
		loadHostile(t, image, Options{Payload: PayloadCompressed})
		loadHostile(t, image, Options{})
	})
}

// FuzzPayload puts the bytes where a bzImage has its compressed kernel.
func FuzzPayload(f *testing.F) {
	kernel := buildELF(1<<20, testSegment{kind: elfPTLoad, paddr: 1 << 20, data: bytes.Repeat([]byte("\xe8\x00\x00\x00\x00abc"), 200)})
	for _, format := range unpacktest.Formats() {
		f.Add(unpacktest.Pack(f, format, kernel))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) == 0 || compression.Detect(payload) == compression.Unknown {
			return
		}
		loadHostile(t, testBzImage(payload), Options{})
	})
}
