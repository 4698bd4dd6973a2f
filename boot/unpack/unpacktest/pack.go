// Package unpacktest packs payloads, for tests.
package unpacktest

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"maps"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"

	"terem/boot/compression"
)

// packers compress as the kernel's build does, without the size field behind. Formats that Go
// cannot write come from testdata, packed by the tools of the same name.
func packers() map[compression.Format]func(w io.Writer) (io.WriteCloser, error) {
	return map[compression.Format]func(w io.Writer) (io.WriteCloser, error){
		compression.None: func(w io.Writer) (io.WriteCloser, error) { return nopCloser{w}, nil },
		compression.Gzip: func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
		compression.LZMA: func(w io.Writer) (io.WriteCloser, error) { return lzma.NewWriter(w) },
		compression.XZ:   func(w io.Writer) (io.WriteCloser, error) { return xz.NewWriter(w) },
		compression.Zstd: func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
		compression.LZ4: func(w io.Writer) (io.WriteCloser, error) {
			z := lz4.NewWriter(w)
			return z, z.Apply(lz4.LegacyOption(true))
		},
	}
}

// Formats are those that Pack can write.
func Formats() []compression.Format { return slices.Sorted(maps.Keys(packers())) }

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// Pack compresses data and appends the size field where the kernel's build does.
func Pack(t testing.TB, f compression.Format, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := packers()[f](&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if f == compression.Gzip || f == compression.None {
		return b.Bytes()
	}
	return binary.LittleEndian.AppendUint32(b.Bytes(), uint32(len(data)))
}
