package launch

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"terem/guest/cmdline"
	"terem/guest/initramfs"
	"terem/internal/vm/machine"
)

// TestHandOver: what is behind an initrd, of any length, is an archive at a place where the kernel looks for one.
func TestHandOver(t *testing.T) {
	command := []string{"echo", "", "\xff\n", strings.Repeat("x", 5000)}
	for n := range 9 {
		first := bytes.Repeat([]byte{1}, n)
		f, err := handOver(&machine.File{Name: "initrd", R: bytes.NewReader(first), Size: int64(n)}, command)
		if err != nil {
			t.Fatal(err)
		}
		all := make([]byte, f.Size)
		if got, err := f.R.ReadAt(all, 0); got != len(all) || err != nil {
			t.Fatalf("%d of %d bytes, %v", got, len(all), err)
		}
		start := (n + 3) / 4 * 4
		if !bytes.Equal(all[:start], append(first, make([]byte, start-n)...)) {
			t.Errorf("it begins with %v", all[:start])
		}
		entries, err := initramfs.Read(bytes.NewReader(all[start:]))
		if err != nil || len(entries) != 1 || entries[0].Name != cmdline.CommandFile ||
			string(entries[0].Data) != "echo\x00\x00\xff\n\x00"+strings.Repeat("x", 5000)+"\x00" {
			t.Errorf("%v, %v", entries, err)
		}
		if err := iotest.TestReader(io.NewSectionReader(f.R, 0, f.Size), all); err != nil {
			t.Error(err)
		}
		for off := range int64(12) { // any piece of it is the same
			piece := make([]byte, 7)
			if _, err := f.R.ReadAt(piece, off); err != nil || !bytes.Equal(piece, all[off:off+7]) {
				t.Errorf("at %d: %v, %v", off, piece, err)
			}
		}
		if got, err := f.R.ReadAt(make([]byte, 9), f.Size-2); got != 2 || err == nil {
			t.Errorf("beyond the end: %d, %v", got, err)
		}
	}
	if _, err := handOver(&machine.File{R: bytes.NewReader(nil)}, []string{"a\x00b"}); err == nil {
		t.Error("a NUL in a word was accepted")
	}
}

// TestBootLongCommand: a command is as long as the guest's kernel takes it.
func TestBootLongCommand(t *testing.T) {
	words := slices.Repeat([]string{"\xffword"}, 20_000)
	r := bootGuest(t, "", Options{Command: append([]string{"sh", "-c", "echo $# ${#1}; [ -e /terem.cmd ] || echo gone", strings.Repeat("n", 1000)}, words...)})
	if r.out != "20000 5\ngone\n" || r.status != 0 {
		t.Errorf("status %d, output %q, %s", r.status, r.out, r.stderr)
	}
	r = bootGuest(t, "", Options{Command: []string{"echo", strings.Repeat("x", 200_000)}})
	if r.stderr != "terem: echo: the guest cannot execute it: its arguments are too long\n" || r.status != 126 {
		t.Errorf("a word of 200,000 bytes: status %d, standard error %q", r.status, r.stderr)
	}
}
