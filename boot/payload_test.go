package boot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"
)

// packers compress as the kernel's build does, without the size field behind. Formats that Go
// cannot write come from testdata, packed by the tools of the same name.
var packers = map[format]func(w io.Writer) (io.WriteCloser, error){
	formatNone: func(w io.Writer) (io.WriteCloser, error) { return nopCloser{w}, nil },
	formatGzip: func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
	formatLZMA: func(w io.Writer) (io.WriteCloser, error) { return lzma.NewWriter(w) },
	formatXZ:   func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
	formatZstd: func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
	formatLZ4: func(w io.Writer) (io.WriteCloser, error) {
		z := lz4.NewWriter(w)
		return z, z.Apply(lz4.LegacyOption(true))
	},
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// pack compresses data and appends the size field where the kernel's build does.
func pack(t testing.TB, f format, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := packers[f](&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if f == formatGzip || f == formatNone {
		return b.Bytes()
	}
	return binary.LittleEndian.AppendUint32(b.Bytes(), uint32(len(data)))
}

// unpack opens and reads a payload to its end.
func unpack(payload []byte) ([]byte, error) {
	z, err := detectFormat(payload).open(bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return io.ReadAll(z)
}

func TestPayloadRoundTrip(t *testing.T) {
	random := make([]byte, 300<<10)
	rng := rand.NewChaCha8([32]byte{1})
	if _, err := rng.Read(random); err != nil {
		t.Fatal(err)
	}
	long := bytes.Repeat([]byte("01234567"), (lz4BlockSize+100)/8)
	for f := range packers {
		cases := map[string][]byte{
			"kernel":         testKernel(),
			"incompressible": append([]byte(elfMagic), random...),
		}
		if f == formatLZ4 { // which packs in blocks
			cases["many blocks"] = append([]byte(elfMagic), long...)
			cases["whole blocks"] = append([]byte(elfMagic), long[:lz4BlockSize-len(elfMagic)]...)
		}
		for name, data := range cases {
			got, err := unpack(pack(t, f, data))
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%v, %s: %d bytes of %d, %v", f, name, len(got), len(data), err)
			}
		}
	}
}

// TestPayloadTruncated cuts payloads short: an error, or at least not the whole.
func TestPayloadTruncated(t *testing.T) {
	data := testKernel()
	for f := range packers {
		p := pack(t, f, data)
		for _, n := range []int{4, 7, 20, len(p) / 4, len(p) / 2} {
			got, err := unpack(p[:min(n, len(p))])
			if err == nil && bytes.Equal(got, data) {
				t.Errorf("%v: %d of %d bytes were enough", f, n, len(p))
			}
		}
	}
}

func TestPayloadBoots(t *testing.T) {
	for f := range packers {
		image := testBzImage(pack(t, f, append(testKernel(), "relocations"...)))
		m := newGuest(t, 16<<20)
		e, err := bootImage(m, image, Options{Payload: PayloadDecompressed}, Platform{})
		if err != nil || e.IP != 2<<20 {
			t.Errorf("%v: entry %v, %v", f, e.IP, err)
			continue
		}
		if got := bytesAt(t, m, 2<<20, 20000); !bytes.Equal(got, bytes.Repeat([]byte("text"), 5000)) {
			t.Errorf("%v: first segment is not in place", f)
		}
		if got := bytesAt(t, m, 3<<20, 5); string(got) != "data\x00" {
			t.Errorf("%v: second segment: %q", f, got)
		}
	}
}

func TestPayloadCorrupt(t *testing.T) {
	for _, f := range []format{formatGzip, formatXZ, formatZstd} { // those with a checksum
		p := pack(t, f, testKernel())
		at := len(p) - 6 // in the checksum, or shortly before it
		if f == formatXZ {
			at = len(p) / 2
		}
		p[at] ^= 1
		_, err := bootImage(newGuest(t, 16<<20), testBzImage(p), Options{Name: "k"}, Platform{})
		wantImageError(t, err, "kernel k, its "+f.String()+" payload")
	}
}

// TestPayloadBomb unpacks to more than any kernel: the reader stops, and nothing is kept.
func TestPayloadBomb(t *testing.T) {
	image := testBzImage(pack(t, formatGzip, append(testKernel(), make([]byte, 64<<20)...)))
	if _, err := bootImage(newGuest(t, 16<<20), image, Options{}, Platform{}); err != nil {
		t.Errorf("64 MiB behind the ELF file: %v", err)
	}
	f := forward{r: zeros{}}
	if err := f.drain(); err == nil || f.pos != maxUnpacked+1 {
		t.Errorf("drained %d bytes of an endless stream, %v", f.pos, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestForward(t *testing.T) {
	data := make([]byte, forwardKept+1000)
	for i := range data {
		data[i] = byte(i * 7 >> 3)
	}
	f := &forward{r: bytes.NewReader(data)}
	for _, c := range []struct{ off, n int }{
		{0, 64}, {64, 100}, {10, 20}, {forwardKept - 10, 5}, {forwardKept - 5, 20}, {0, 64}, {forwardKept + 100, 10},
	} {
		p := make([]byte, c.n)
		if n, err := f.ReadAt(p, int64(c.off)); err != nil || n != c.n || !bytes.Equal(p, data[c.off:c.off+c.n]) {
			t.Errorf("ReadAt(%d bytes, %d): %d, %v", c.n, c.off, n, err)
		}
	}
	p := make([]byte, 10)
	if _, err := f.ReadAt(p, forwardKept+50); !errors.Is(err, errBackward) {
		t.Errorf("reading back: %v", err)
	}
	if _, err := f.ReadAt(p, int64(len(data))-5); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("reading past the end: %v", err)
	}
	for _, off := range []int64{-1, maxUnpacked, 1 << 62} {
		if _, err := f.ReadAt(p, off); err == nil {
			t.Errorf("offset %d: no error", off)
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
	if got, err := unpack(b.Bytes()); err != nil || !bytes.Equal(got, data) {
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
		got, err := unpack(binary.LittleEndian.AppendUint32(p, uint32(len(x86Sample()))))
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
		got, err := unpack(p)
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
