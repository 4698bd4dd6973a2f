package boot

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"terem/boot/compression"
	"terem/boot/unpack/unpacktest"
)

func TestPayloadBoots(t *testing.T) {
	for _, f := range unpacktest.Formats() {
		image := testBzImage(unpacktest.Pack(t, f, append(testKernel(), "relocations"...)))
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
	for _, f := range []compression.Format{compression.Gzip, compression.XZ, compression.Zstd} { // those with a checksum
		p := unpacktest.Pack(t, f, testKernel())
		at := len(p) - 6 // in the checksum, or shortly before it
		if f == compression.XZ {
			at = len(p) / 2
		}
		p[at] ^= 1
		_, err := bootImage(newGuest(t, 16<<20), testBzImage(p), Options{Name: "k"}, Platform{})
		wantImageError(t, err, "kernel k, its "+f.String()+" payload")
	}
}

// TestPayloadBomb unpacks to more than any kernel: the reader stops, and nothing is kept.
func TestPayloadBomb(t *testing.T) {
	image := testBzImage(unpacktest.Pack(t, compression.Gzip, append(testKernel(), make([]byte, 64<<20)...)))
	if _, err := bootImage(newGuest(t, 16<<20), image, Options{}, Platform{}); err != nil {
		t.Errorf("64 MiB behind the ELF file: %v", err)
	}
	f := forward{r: zeros{}}
	if err := f.drain(); err == nil || f.pos != compression.MaxUnpacked+1 {
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
	for _, off := range []int64{-1, compression.MaxUnpacked, 1 << 62} {
		if _, err := f.ReadAt(p, off); err == nil {
			t.Errorf("offset %d: no error", off)
		}
	}
}

// TestNoUnpacker: a program without decoders loads what needs none, and says what it lacks.
func TestNoUnpacker(t *testing.T) {
	for _, f := range unpacktest.Formats() {
		image := testBzImage(unpacktest.Pack(t, f, testKernel()))
		_, err := Detect(bytes.NewReader(image), int64(len(image)), Options{})
		if want := f != compression.None; errors.Is(err, ErrNoUnpacker) != want || !want && err != nil {
			t.Errorf("%v: %v", f, err)
		}
		if _, err := Detect(bytes.NewReader(image), int64(len(image)), Options{Payload: PayloadCompressed}); err != nil {
			t.Errorf("%v, unpacked by the guest: %v", f, err)
		}
	}
}
