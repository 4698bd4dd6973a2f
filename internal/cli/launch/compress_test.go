package launch

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"

	"terem/guest"
	"terem/internal/kvmtest"
	"terem/internal/vm/disk"
)

// initrdPackers pack an initrd in each form that the default guest's kernel unpacks (CONFIG_RD_*), as the kernel wants it.
func initrdPackers() map[string]func(io.Writer) (io.WriteCloser, error) {
	return map[string]func(io.Writer) (io.WriteCloser, error){
		"gzip": func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil },
		"xz":   func(w io.Writer) (io.WriteCloser, error) { return xz.WriterConfig{CheckSum: xz.CRC32}.NewWriter(w) },
		"zstd": func(w io.Writer) (io.WriteCloser, error) { return zstd.NewWriter(w) },
		"lz4": func(w io.Writer) (io.WriteCloser, error) {
			z := lz4.NewWriter(w)
			return z, z.Apply(lz4.LegacyOption(true))
		},
	}
}

// TestBootPackedInitrd: what the kernel says that it can unpack, it can unpack on this backend.
func TestBootPackedInitrd(t *testing.T) {
	kvmtest.Open(t)
	a, err := guest.Find(defaultCache(t))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := os.ReadFile(a.Initrd)
	if err != nil {
		t.Fatal(err)
	}
	for name, packer := range initrdPackers() {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			z, err := packer(&b)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := z.Write(plain); err != nil {
				t.Fatal(err)
			}
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "initrd")
			if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			if r := bootGuest(t, "", Options{Initrd: path, Command: []string{"sh", "-c", "exit 7"}}); r.status != 7 || r.out != "" {
				t.Errorf("status %d, output %q; %d bytes packed to %d", r.status, r.out, len(plain), b.Len())
			}
		})
	}
}

// TestBootPackedRoot: the same of a root file system (CONFIG_SQUASHFS_*).
func TestBootPackedRoot(t *testing.T) {
	for _, name := range []string{"zlib", "lz4", "xz", "zstd"} {
		t.Run(name, func(t *testing.T) {
			r := bootGuest(t, "", Options{Disks: []disk.Spec{{Path: "testdata/squashfs-" + name + ".img", ReadOnly: true}}, Command: []string{"/bin/seven"}})
			if r.status != 7 || r.out != "" {
				t.Errorf("status %d, output %q, standard error %q", r.status, r.out, r.stderr)
			}
		})
	}
}
