package boot

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"terem/memory"
)

func TestBzImageWhole(t *testing.T) {
	m := newGuest(t, 16<<20)
	image := testBzImage(testKernel())
	l, err := detect(image, Options{Payload: PayloadCompressed})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(l), "bzImage 6.12.0-test, payload uncompressed, unpacked by the guest"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	e, err := l.Load(m, Platform{CmdLine: "quiet", RNGSeed: []byte("seed")})
	if err != nil {
		t.Fatal(err)
	}
	if want := (Entry{Mode: Long, IP: 1<<20 + entry64, Arg: memory.ZeroPage}); e != want {
		t.Errorf("entry %+v, want %+v", e, want)
	}
	if got := bytesAt(t, m, e.IP, 7); string(got) != "entry64" {
		t.Errorf("at the entry: %q", got)
	}
	if got := bytesAt(t, m, 1<<20, uint64(len(image)-1024)); !bytes.Equal(got, image[1024:]) {
		t.Error("protected-mode part is not in place")
	}
	h := setupHeader(bytesAt(t, m, memory.ZeroPage+hdrStart, hdrLen))
	if h.u16(hdrVersion) != protocolSetupData || h.at(hdrTypeOfLoader)[0] != 0xff || h.u64(hdrPrefAddress) != 1<<20 {
		t.Errorf("setup header in the zero page: % x", h)
	}
	seed := memory.Addr(h.u64(hdrSetupData))
	if got := bytesAt(t, m, seed, 20); string(got) != "\x00\x00\x00\x00\x00\x00\x00\x00\x09\x00\x00\x00\x04\x00\x00\x00seed" {
		t.Errorf("setup data %q", got)
	}
}

func TestBzImageUnpacked(t *testing.T) {
	m := newGuest(t, 16<<20)
	image := testBzImage(testKernel())
	l, err := detect(image, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(l); !strings.HasSuffix(got, "unpacked by the host") {
		t.Errorf("%q", got)
	}
	e, err := l.Load(m, Platform{})
	if err != nil {
		t.Fatal(err)
	}
	if e.IP != 2<<20 || string(bytesAt(t, m, 3<<20, 4)) != "data" {
		t.Errorf("entry %v, segment %q", e.IP, bytesAt(t, m, 3<<20, 4))
	}
}

// TestBzImageUnknownPayload lets the guest unpack what the host cannot.
func TestBzImageUnknownPayload(t *testing.T) {
	image := testBzImage([]byte("\x89LZO\x00 and so on"))
	e, err := bootImage(newGuest(t, 16<<20), image, Options{}, Platform{})
	if err != nil || e.IP != 1<<20+entry64 {
		t.Errorf("entry %v, %v", e.IP, err)
	}
	_, err = detect(image, Options{Payload: PayloadDecompressed})
	wantImageError(t, err, "lzo", "let the guest unpack it")
}

func TestBzImageErrors(t *testing.T) {
	le := binary.LittleEndian
	set16 := func(off int, v uint16) func(setupHeader) {
		return func(h setupHeader) { le.PutUint16(h.at(off), v) }
	}
	set32 := func(off int, v uint32) func(setupHeader) {
		return func(h setupHeader) { le.PutUint32(h.at(off), v) }
	}
	k := testKernel()
	whole := testBzImage(k)
	for _, c := range []struct {
		name  string
		image []byte
		whole bool
		want  string
	}{
		{"cut in the header", whole[:0x240], false, "ends inside the setup header"},
		{"cut after the version", whole[:0x207], false, "ends inside the setup header"},
		{"cut in the real-mode code", whole[:0x300], false, "the file is truncated: 768 bytes of"},
		{"cut in the payload", whole[:len(whole)-100], false, "the file is truncated"},
		{"nothing but real-mode code", testBzImage(k, set32(hdrSysSize, 0))[:1024], false, "the file is truncated"},
		{"nothing at the entry point", testBzImage(k, set32(hdrSysSize, 0), set32(hdrPayloadLength, 0))[:1024+entry64], true, "the file is truncated"},
		{"header too short", testBzImage(k, func(h setupHeader) { h.at(hdrJump)[0] = 0x20 }), false, "claims to end at 0x222"},
		{"header too long", testBzImage(k, func(h setupHeader) { h.at(hdrJump)[0] = 0xff }), false, "claims to end at 0x301"},
		{"old", testBzImage(k, set16(hdrVersion, 0x204)), false, "speaks boot protocol 2.04"},
		{"32-bit", testBzImage(k, set16(hdrXLoadFlags, 0)), false, "is a 32-bit kernel"},
		{"payload outside", testBzImage(k, set32(hdrPayloadOffset, 1<<31)), false, "lies outside the file"},
		{"payload too long", testBzImage(k, set32(hdrPayloadLength, 0xffffffff)), false, "lies outside the file"},
		{"payload no ELF", testBzImage([]byte("\x1f\x8b but no more")), false, "cannot be unpacked"},
		{"prefers low memory", testBzImage(k, set32(hdrPrefAddress, 0x1000)), true, "wants to lie at 0x1000"},
		{"prefers high memory", testBzImage(k, set32(hdrPrefAddress+4, 1)), true, "wants to lie at 0x100100000"},
		{"needs more memory", testBzImage(k, set32(hdrInitSize, 0xffffffff)), true, "it needs 4096 MiB from 0x100000 on, and the guest has 16 MiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := Options{Name: "k"}
			if c.whole {
				o.Payload = PayloadCompressed
			}
			_, err := bootImage(newGuest(t, 16<<20), c.image, o, Platform{})
			wantImageError(t, err, "kernel k", c.want)
		})
	}
}

// TestSetupSize: the real-mode part is the boot sector and the sectors that the header names; 0 stands for 4.
func TestSetupSize(t *testing.T) {
	for sects, want := range map[byte]int64{0: 2560, 1: 1024, 4: 2560, 255: 131072} {
		h := newSetupHeader()
		h.at(hdrSetupSects)[0] = sects
		if got := h.setupSize(); got != want {
			t.Errorf("setup_sects %d: %d bytes, want %d", sects, got, want)
		}
	}
}

func TestCommandLineLimit(t *testing.T) {
	for _, c := range []struct {
		name  string
		image []byte
		max   int
	}{
		{"bzImage", testBzImage(testKernel()), 100},
		{"bzImage without a bound of its own", testBzImage(testKernel(), func(h setupHeader) {
			binary.LittleEndian.PutUint32(h.at(hdrCmdLineSize), 0xffffffff)
		}), int(memory.CommandLineSize) - 1},
		{"ELF", testKernel(), 2047},
		{"PVH", pvhKernel(1 << 20), 2047},
	} {
		line := strings.Repeat("x", c.max)
		m := newGuest(t, 16<<20)
		if _, err := bootImage(m, c.image, Options{}, Platform{CmdLine: line}); err != nil {
			t.Errorf("%s, %d bytes: %v", c.name, c.max, err)
			continue
		}
		if got := cString(bytesAt(t, m, memory.CommandLine, memory.CommandLineSize)); got != line {
			t.Errorf("%s: %d bytes arrived, want %d", c.name, len(got), c.max)
		}
		_, err := bootImage(newGuest(t, 16<<20), c.image, Options{}, Platform{CmdLine: line + "y"})
		wantImageError(t, err, "kernel command line", fmt.Sprintf("takes %d", c.max), "shorten Append")
	}
	_, err := bootImage(newGuest(t, 16<<20), testKernel(), Options{}, Platform{CmdLine: "a\x00b"})
	wantImageError(t, err, "NUL")
}

func TestInitrd(t *testing.T) {
	data := bytes.Repeat([]byte("initrd!."), 1024) // two whole pages: with a byte less of room, it begins a page lower
	limit := func(max uint32) []byte {
		return testBzImage(testKernel(), func(h setupHeader) { binary.LittleEndian.PutUint32(h.at(hdrInitrdAddrMax), max) })
	}
	for _, c := range []struct {
		name  string
		image []byte
		want  memory.Addr
	}{
		{"ELF: at the end of RAM", testKernel(), 16<<20 - 0x2000},
		{"bzImage: at the kernel's limit", limit(8<<20 - 1), 8<<20 - 0x2000},
		{"bzImage: limit at the end of 32 bits", limit(0xffffffff), 16<<20 - 0x2000},
	} {
		m := newGuest(t, 16<<20)
		p := Platform{Initrd: &Initrd{R: bytes.NewReader(data), Size: int64(len(data))}}
		if _, err := bootImage(m, c.image, Options{}, p); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		h := setupHeader(bytesAt(t, m, memory.ZeroPage+hdrStart, hdrLen))
		at, n := memory.Addr(h.u32(hdrRamdiskImage)), uint64(h.u32(hdrRamdiskSize))
		if at != c.want || n != uint64(len(data)) {
			t.Errorf("%s: %d bytes at %v, want %d at %v", c.name, n, at, len(data), c.want)
			continue
		}
		if !bytes.Equal(bytesAt(t, m, at, n), data) {
			t.Errorf("%s: other bytes", c.name)
		}
	}
}

func TestInitrdErrors(t *testing.T) {
	load := func(size, inFile int64) error {
		p := Platform{Initrd: &Initrd{Name: "/i", R: bytes.NewReader(make([]byte, inFile)), Size: size}}
		_, err := bootImage(newGuest(t, 16<<20), testKernel(), Options{}, p)
		return err
	}
	free := int64(16<<20 - (3<<20 + 0x5000))
	if err := load(free, free); err != nil {
		t.Errorf("an initrd that just fits: %v", err)
	}
	wantImageError(t, load(free+1, free+1), "initrd /i", "13 MiB do not fit", "the guest has 16 MiB", "Memory")
	wantImageError(t, load(1<<32, 0), "4 GiB")
	wantImageError(t, load(-1, 0), "initrd /i")
	wantImageError(t, load(1000, 999), "cannot be read")
	if err := load(0, 0); err != nil {
		t.Errorf("an empty initrd: %v", err)
	}
}

func TestSmallMemory(t *testing.T) {
	for name, image := range map[string][]byte{"ELF": testKernel(), "bzImage": testBzImage(testKernel()), "PVH": pvhKernel(1 << 20)} {
		for _, size := range []uint64{memory.PageSize, 1 << 20} {
			_, err := bootImage(newGuest(t, size), image, Options{Name: name}, Platform{})
			wantImageError(t, err, "kernel "+name, "a guest needs at least", "Memory")
		}
	}
}

func TestDetectErrors(t *testing.T) {
	arm := make([]byte, 0x100)
	copy(arm, "MZ\x00\x91")
	copy(arm[0x38:], "ARM\x64")
	sector := make([]byte, 0x400)
	sector[0x1fe], sector[0x1ff] = 0x55, 0xaa
	for _, c := range []struct{ name, image, want string }{
		{"empty", "", "the file is empty"},
		{"text", "#!/bin/sh\necho hello\n", "is a text file"},
		{"erased flash", strings.Repeat("\xff", 300), "is neither a bzImage nor an ELF file"},
		{"UTF-8 text", "привет\n", "is a text file"},
		{"arm64", string(arm), "arm64"},
		{"gzip", "\x1f\x8b\x08\x00", "gzip"},
		{"cpio", "070701000000", "cpio"},
		{"boot sector", string(sector), "without a Linux setup header"},
		{"noise", "\x00\x01\x02\x03", "neither a bzImage nor an ELF file"},
		{"one byte", "\x7f", "neither a bzImage nor an ELF file"},
	} {
		_, err := detect([]byte(c.image), Options{Name: "/x"})
		wantImageError(t, err, "kernel /x", c.want, "Kernel")
	}
	_, err := Detect(bytes.NewReader(nil), 100, Options{})
	wantImageError(t, err, "kernel: cannot read")
}
