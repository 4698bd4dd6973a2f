package qcow2

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"terem/internal/vm/disk/qcow2/inflate"
)

// verdict is what qemu-img check --output=json says.
type verdict struct {
	Corruptions int64 `json:"corruptions"`
	Leaks       int64 `json:"leaks"`
	CheckErrors int64 `json:"check-errors"`
}

func qemu(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s %q: %v, %s", name, args, err, out)
	}
	return out
}

// TestOracle makes images of all kinds, healthy and with one bit flipped in their metadata,
// and asks qemu-img what it thinks of them.
func TestOracle(t *testing.T) {
	for _, name := range []string{"qemu-img", "qemu-io"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip("no ", name, ": apt install qemu-utils")
		}
	}
	if testing.Short() {
		t.Skip("starts qemu-img 200 times: not in -short")
	}
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(4, 2))
	n := 0
	for _, options := range []string{
		"compat=0.10", "cluster_size=512", "cluster_size=4096", "cluster_size=2M", "refcount_bits=1,cluster_size=4096", "refcount_bits=8,cluster_size=1024",
		"refcount_bits=64,cluster_size=8192", "lazy_refcounts=on,cluster_size=4096", "preallocation=metadata,cluster_size=16384", "preallocation=full,cluster_size=65536",
		"compression_type=zstd,cluster_size=4096",
	} {
		for _, more := range []string{"plain", "snapshot", "bitmap"} {
			if more == "snapshot" && options == "refcount_bits=1,cluster_size=4096" || more == "bitmap" && options == "compat=0.10" {
				continue // QEMU cannot either
			}
			name := filepath.Join(dir, "img")
			qemu(t, "qemu-img", "create", "-q", "-f", "qcow2", "-o", options, name, "4M")
			packed := "write -c -P 3 2M 64k"
			switch {
			case options == "cluster_size=2M":
				packed = "write -c -P 3 2M 2M" // whole clusters alone
			case strings.HasPrefix(options, "preallocation"):
				packed = "write -P 3 2M 64k" // over room that is taken it cannot
			}
			qemu(t, "qemu-io", "-t", "unsafe", "-c", "write -P 1 0 64k", "-c", "write -z 1M 64k", "-c", packed, name)
			switch more {
			case "snapshot":
				qemu(t, "qemu-img", "snapshot", "-c", "one", name)
				qemu(t, "qemu-io", "-t", "unsafe", "-c", "write -P 2 0 8k", name)
			case "bitmap":
				qemu(t, "qemu-img", "bitmap", "--add", name, "one")
			}
			healthy, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			compareVerdicts(t, name, options+" "+more, healthy)
			n++
			for range 3 {
				b := append([]byte(nil), healthy...)
				places := metadata(t, b, more)
				at := places[r.IntN(len(places))] + r.Int64N(32)
				b[at] ^= 1 << r.IntN(8)
				compareVerdicts(t, name, fmt.Sprintf("%s %s, a bit flipped at %#x", options, more, at), b)
				n++
			}
		}
	}
	t.Logf("%d images", n)
}

// metadata is where the tables of an image are, and what belongs to its snapshot or bitmap.
func metadata(t *testing.T, b []byte, more string) []int64 {
	l1, l2 := tables(t, b)
	places := []int64{l1, l2, be64(b[48:]), be64(b[be64(b[48:]):])}
	switch more {
	case "snapshot":
		table := be64(b[64:])
		places = append(places, table, be64(b[table:]))
	case "bitmap":
		ext := int64(extension(b, bitmapType))
		places = append(places, ext, be64(b[ext+16:]))
	}
	return places
}

func compareVerdicts(t *testing.T, name, what string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("qemu-img", "check", "--output=json", "-f", "qcow2", name).Output()
	var v verdict
	refused := json.Unmarshal(out, &v) != nil // it cannot even open it
	if err != nil && len(out) > 0 && refused {
		t.Fatalf("%s: %v: %s", what, err, out)
	}
	damaged, leaks := true, int64(0)
	if im, err := Open(memory(b), inflate.New); err == nil {
		r, err := Check(t.Context(), im)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		damaged, leaks = len(r.Problems) > 0, r.Leaks
		if !damaged && (refused || v.Corruptions+v.CheckErrors > 0 || leaks != v.Leaks) || damaged && !refused && v.Corruptions+v.CheckErrors == 0 {
			t.Errorf("%s: qemu-img says %+v (refused: %v), terem %d leaks and %q", what, v, refused, leaks, r.Problems)
		}
		return
	}
	if !refused && v.Corruptions+v.CheckErrors == 0 {
		t.Errorf("%s: qemu-img says %+v, terem does not open it", what, v)
	}
}
