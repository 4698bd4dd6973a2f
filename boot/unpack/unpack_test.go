package unpack

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"terem/boot/compression"
	"terem/boot/unpack/unpacktest"

	"github.com/ulikunitz/xz"
)

// whole opens and reads a payload to its end.
func whole(payload []byte) ([]byte, error) {
	z, err := Open(compression.Detect(payload), bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return io.ReadAll(z)
}

// elf begins as an ELF file does, and can be packed well.
func elf() []byte { return append([]byte(compression.ELFMagic), bytes.Repeat([]byte("text"), 5000)...) }

func TestPayloadRoundTrip(t *testing.T) {
	random := make([]byte, 300<<10)
	rng := rand.NewChaCha8([32]byte{1})
	if _, err := rng.Read(random); err != nil {
		t.Fatal(err)
	}
	long := bytes.Repeat([]byte("01234567"), (lz4BlockSize+100)/8)
	for _, f := range unpacktest.Formats() {
		cases := map[string][]byte{
			"kernel":         elf(),
			"incompressible": append([]byte(compression.ELFMagic), random...),
		}
		if f == compression.LZ4 { // which packs in blocks
			cases["many blocks"] = append([]byte(compression.ELFMagic), long...)
			cases["whole blocks"] = append([]byte(compression.ELFMagic), long[:lz4BlockSize-len(compression.ELFMagic)]...)
		}
		for name, data := range cases {
			got, err := whole(unpacktest.Pack(t, f, data))
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%v, %s: %d bytes of %d, %v", f, name, len(got), len(data), err)
			}
		}
	}
}

// TestPayloadTruncated cuts payloads short: an error, or at least not the whole.
func TestPayloadTruncated(t *testing.T) {
	data := elf()
	for _, f := range unpacktest.Formats() {
		p := unpacktest.Pack(t, f, data)
		for _, n := range []int{4, 7, 20, len(p) / 4, len(p) / 2} {
			got, err := whole(p[:min(n, len(p))])
			if err == nil && bytes.Equal(got, data) {
				t.Errorf("%v: %d of %d bytes were enough", f, n, len(p))
			}
		}
	}
}

// TestXZBlocks: each block of a stream has a checksum of its own.
func TestXZBlocks(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 10_000)
	var b bytes.Buffer
	w, err := xz.WriterConfig{BlockSize: 30_000}.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := whole(b.Bytes()); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes of %d, %v", len(got), len(data), err)
	}
}

// TestPayloadFromTools unpacks what bzip2 and "xz --x86 --lzma2" made of x86Sample.
func TestPayloadFromTools(t *testing.T) {
	for _, name := range []string{"sample.bz2", "sample.x86.xz", "sample.lz4", "sample.zst"} {
		p, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := whole(binary.LittleEndian.AppendUint32(p, uint32(len(x86Sample()))))
		if err != nil || !bytes.Equal(got, x86Sample()) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

// x86Sample is full of what the x86 filter looks at: opcodes close together, operands with and
// without signs.
func x86Sample() []byte {
	const n = 70_000 // more than the filter's buffer
	alphabet := []byte{0xe8, 0xe9, 0xe8, 0x00, 0xff, 0x00, 0xff, 0x01, 0xfe, 0x7f, 0x80, 0x90}
	rng := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		if b[i] = byte(rng.Uint32()); i%5000 < 2500 {
			b[i] = alphabet[rng.IntN(len(alphabet))]
		}
	}
	return b
}

// TestX86FilterAgainstXZ packs this test's own code with xz, as the kernel's build does.
func TestX86FilterAgainstXZ(t *testing.T) {
	tool, err := exec.LookPath("xz")
	if err != nil {
		t.Skip("xz is not installed: apt-get install xz-utils")
	}
	code, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{x86Sample(), code[:min(len(code), 1<<20)], nil, {0xe8}, {0xe8, 0, 0, 0, 0}} {
		cmd := exec.Command(tool, "--stdout", "--check=crc32", "--x86", "--lzma2=preset=0")
		cmd.Stdin = bytes.NewReader(data)
		p, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		got, err := whole(p)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes became %d, %v", len(data), len(got), err)
		}
	}
}

func TestXZRefuses(t *testing.T) {
	if _, err := xzDictSize(40); err == nil || !strings.Contains(err.Error(), "dictionary") {
		t.Errorf("dictionary of 4 GiB: %v", err)
	}
	for name, h := range map[string][]byte{
		"reserved flags":     {2, 0x04, 0x21, 1, 0},
		"sizes cut":          {2, 0xc0, 0x80},
		"no LZMA2":           {2, 0x00, 0x04, 0},
		"unknown filter":     {2, 0x01, 0x03, 1, 0, 0x21, 1, 0},
		"three filters":      {2, 0x02, 0x04, 0, 0x04, 0, 0x21, 1, 0},
		"x86 with an offset": {2, 0x01, 0x04, 4, 1, 0, 0, 0, 0x21, 1, 0},
		"properties cut":     {2, 0x00, 0x21, 200, 0},
		"no properties":      {2, 0x00, 0x21, 0},
		"two properties":     {2, 0x00, 0x21, 2, 0, 0},
	} {
		if _, _, err := parseXZBlock(h); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// FuzzX86Filter makes sure that the filter neither loses nor adds bytes, however they arrive.
func FuzzX86Filter(f *testing.F) {
	f.Add(x86Sample()[:300], uint8(7))
	f.Fuzz(func(t *testing.T, data []byte, step uint8) {
		whole, err := readAllBy(newX86Filter(bytes.NewReader(data)), 4096)
		if err != nil || len(whole) != len(data) {
			t.Fatalf("%d bytes became %d, %v", len(data), len(whole), err)
		}
		parts, err := readAllBy(newX86Filter(&dribble{data, int(step)%16 + 1}), int(step)/16+1)
		if err != nil || !bytes.Equal(whole, parts) {
			t.Errorf("read in parts: %d bytes, %v", len(parts), err)
		}
	})
}

// dribble gives its data n bytes at a time.
type dribble struct {
	data []byte
	n    int
}

func (d *dribble) Read(p []byte) (int, error) {
	if len(d.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, d.data[:min(d.n, len(d.data))])
	d.data = d.data[n:]
	return n, nil
}

// readAllBy reads r to its end, n bytes at a time.
func readAllBy(r io.Reader, n int) ([]byte, error) {
	var out []byte
	p := make([]byte, n)
	for {
		m, err := r.Read(p)
		out = append(out, p[:m]...)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
	}
}
