package disk

import (
	"io"
	"os/exec"
	"strings"
	"testing"
)

// TestLocking opens an image in another process, then here.
func TestLocking(t *testing.T) {
	path := rawImage(t, 1<<20, nil)
	for _, tt := range []struct {
		there, here string
		refused     bool
	}{
		{"", "", true},
		{"", ",ro", true},
		{",ro", "", true},
		{",ro", ",ro", false},
		{",overlay=" + path + ".1", ",overlay=" + path + ".2", false},
		{",overlay=" + path + ".1", ",overlay=" + path + ".1", true},
		{",overlay=" + path + ".1", "", true},
		{",overlay=" + path + ".1", ",ro", false},
	} {
		t.Run(tt.there+" and "+tt.here, func(t *testing.T) {
			c := helper("hold", path+tt.there)
			in, out := begin(t, c)
			defer func() {
				in.Close()
				if err := c.Wait(); err != nil {
					t.Error(err)
				}
			}()
			if _, err := io.ReadFull(out, make([]byte, 4)); err != nil {
				t.Fatal(err)
			}
			d, err := tryOpen(t, path+tt.here, nil)
			if !tt.refused {
				if err != nil {
					t.Fatal(err)
				}
				d.Close()
				return
			}
			wantLine(t, err, "in use by process ", "(disk.test)", "end that first")
		})
	}
	d := openSpec(t, path)
	_, err := tryOpen(t, path+",ro", nil)
	wantLine(t, err, "in use by this terem")
	if err := d.WriteVec([][]byte{make([]byte, 512)}, 0); err != nil {
		t.Error(err)
	}
}

// TestLockingQEMU: QEMU's tools and terem keep out of each other's way.
func TestLockingQEMU(t *testing.T) {
	if _, err := exec.LookPath("qemu-io"); err != nil {
		t.Skip("no qemu-io: apt install qemu-utils")
	}
	path := rawImage(t, 1<<20, nil)
	qemu := func(name string, args ...string) bool { return exec.Command(name, args...).Run() == nil }
	reads := func() bool { return qemu("qemu-img", "convert", "-f", "raw", "-O", "raw", path, path+".copy") }
	writes := func() bool { return qemu("qemu-io", "-f", "raw", "-c", "write 0 512", path) }
	d := openSpec(t, path+",ro")
	if !reads() || writes() {
		t.Error("a reader of terem's lets QEMU write, or not read")
	}
	d.Close()
	d = openSpec(t, path)
	if reads() || writes() {
		t.Error("a writer of terem's lets QEMU read or write")
	}
	d.Close()
	c := exec.Command("qemu-io", "-f", "raw", path)
	in, out := begin(t, c)
	if _, err := in.Write([]byte("length\n")); err != nil {
		t.Fatal(err)
	}
	for seen, b := "", make([]byte, 64); !strings.Contains(seen, "1 MiB"); {
		n, err := out.Read(b)
		if seen += string(b[:n]); err != nil {
			t.Fatal(err)
		}
	}
	for _, options := range []string{"", ",ro"} {
		_, err := tryOpen(t, path+options, nil)
		wantLine(t, err, "in use by process ", "(qemu-io)")
	}
	in.Close()
	io.Copy(io.Discard, out)
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	openSpec(t, path)
}

// begin starts a program that the test talks with.
func begin(t *testing.T, c *exec.Cmd) (in io.WriteCloser, out io.Reader) {
	t.Helper()
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err = c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return in, out
}
