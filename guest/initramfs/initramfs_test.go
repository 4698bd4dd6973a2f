package initramfs

import (
	"bytes"
	"errors"
	"os/exec"
	"reflect"
	"strings"
	"testing"
)

func sample() *Archive {
	a := new(Archive)
	a.Symlink("bin/sh", "busybox")
	a.File("/bin/busybox", 0o755, []byte("ELF"))
	a.CharDevice("dev/console", 0o600, 5, 1)
	a.Dir("tmp", 0o1777)
	return a
}

func encode(t testing.TB, a *Archive) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := a.WriteTo(&b)
	if err != nil {
		t.Fatal(err)
	}
	if n != int64(b.Len()) {
		t.Errorf("WriteTo returned %d, wrote %d bytes", n, b.Len())
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	want := []Entry{
		{Name: "bin", Mode: 0o40755},
		{Name: "bin/busybox", Mode: 0o100755, Data: []byte("ELF")},
		{Name: "bin/sh", Mode: 0o120777, Data: []byte("busybox")},
		{Name: "dev", Mode: 0o40755},
		{Name: "dev/console", Mode: 0o20600, Major: 5, Minor: 1},
		{Name: "tmp", Mode: 0o41777},
	}
	got, err := Read(bytes.NewReader(encode(t, sample())))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestEqualContentGivesEqualBytes(t *testing.T) {
	if !bytes.Equal(encode(t, sample()), encode(t, sample())) {
		t.Error("two archives of the same entries differ")
	}
}

func TestDataOfFilesBeginsOnAPage(t *testing.T) {
	a := sample()
	want := map[string]int{"bin/busybox": 2*pageSize + 1, "init": pageSize, "lib": 3 * pageSize}
	for name, size := range want {
		a.File(name, 0o755, bytes.Repeat([]byte(name[:1]), size))
	}
	b := encode(t, a)
	for name, size := range want {
		at := bytes.Index(b, bytes.Repeat([]byte(name[:1]), size))
		if at < 0 || at%pageSize != 0 {
			t.Errorf("the data of %s begins at %d, no multiple of %d", name, at, pageSize)
		}
	}
	got, err := Read(bytes.NewReader(b))
	if err != nil || !reflect.DeepEqual(got, a.Entries()) {
		t.Errorf("Read gives %d entries, %v; want the %d written", len(got), err, len(a.Entries()))
	}
}

// TestSmallProgramsAreWholePages: the guest's kernel takes over what it need not copy.
func TestSmallProgramsAreWholePages(t *testing.T) {
	small := bytes.Repeat([]byte("x"), pageSize+1)
	for _, e := range Default(small, small, small[:1]).Entries() {
		want := map[string]int{"init": 2 * pageSize, "bin/busybox": pageSize + 1, "bin/probe": pageSize}[e.Name]
		if len(e.Data) != want || want > 0 && e.Data[0] != 'x' {
			t.Errorf("%s has %d bytes, want %d", e.Name, len(e.Data), want)
		}
	}
	if small[pageSize] != 'x' || len(wholePages(nil)) != 0 || len(wholePages(small[:pageSize])) != pageSize {
		t.Error("padding is added where none is due")
	}
}

// TestNameStaysWithinItsLimit writes a file at every place in a page.
func TestNameStaysWithinItsLimit(t *testing.T) {
	e := Entry{Name: strings.Repeat("n", 200), Mode: typeFile, Data: make([]byte, pageSize)}
	aligned := 0
	for off := int64(0); off < pageSize; off += 4 {
		n := alignment(off, e)
		if size := len(e.Name) + 1 + n; size > maxName {
			t.Errorf("at %d: a name of %d bytes, at most %d are allowed", off, size, maxName)
		}
		end := off + headerSize + int64(len(e.Name)+1+n)
		if (end+padding(end))%pageSize == 0 {
			aligned++
		} else if n != 0 {
			t.Errorf("at %d: %d NULs do not align the data", off, n)
		}
	}
	if aligned < pageSize/4*9/10 {
		t.Errorf("aligned at %d places of %d", aligned, pageSize/4)
	}
}

// TestCpioReads has GNU cpio, the reference implementation, list an archive of ours.
func TestCpioReads(t *testing.T) {
	cpio, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip("cpio is not installed")
	}
	cmd := exec.Command(cpio, "--list", "--quiet")
	a := sample()
	a.File("usr/big", 0o644, make([]byte, pageSize))
	cmd.Stdin = bytes.NewReader(encode(t, a))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("cpio: %v\n%s", err, out)
	}
	if got, want := strings.Join(strings.Fields(string(out)), " "),
		"bin bin/busybox bin/sh dev dev/console tmp usr usr/big"; got != want {
		t.Errorf("cpio lists %q, want %q", got, want)
	}
}

func TestReadRefuses(t *testing.T) {
	good := encode(t, sample())
	huge := bytes.Clone(good)
	copy(huge[54:], "FFFFFFFF")
	tests := map[string][]byte{
		"empty":            nil,
		"text":             []byte(strings.Repeat("text", 100)),
		"truncated":        good[:len(good)/2],
		"no trailer":       good[:headerSize+4],
		"size beyond end":  huge,
		"bad hexadecimals": append([]byte("070701ZZ"), good[8:]...),
	}
	for name, b := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := Read(bytes.NewReader(b)); !errors.Is(err, ErrFormat) {
				t.Errorf("error %v, want ErrFormat", err)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add(encode(f, sample()))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		size := 0
		for _, e := range all {
			size += len(e.Data)
		}
		if size > len(b) {
			t.Errorf("%d bytes of data from %d bytes of archive", size, len(b))
		}
	})
}
