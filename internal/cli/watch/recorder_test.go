package watch

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"terem/internal/cli/command"
	"terem/internal/fault"
	"terem/internal/vm/machine"
	"terem/vcpu/trace"
)

// TestOutput: a file is there whole, or as it was; nothing else is left.
func TestOutput(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(file, []byte("before"), 0o640), os.Symlink("file", link)); err != nil {
		t.Fatal(err)
	}
	want := func(text string) {
		t.Helper()
		b, err := os.ReadFile(file)
		left, err2 := os.ReadDir(dir)
		if err := errors.Join(err, err2); err != nil || string(b) != text || len(left) != 2 {
			t.Errorf("%q, %v, %v; want %q", b, left, err, text)
		}
	}
	o := output{field: "Trace", path: link}
	if err := o.open(); err != nil {
		t.Fatal(err)
	}
	o.abandon()
	want("before")
	if err := o.open(); err != nil {
		t.Fatal(err)
	}
	if err := o.write(func(io.Writer) error { return errors.New("half-way") }); fault.Status(err) != fault.StatusHost {
		t.Error(err)
	}
	want("before")
	o = output{field: "Trace", path: link}
	if err := errors.Join(o.open(), o.write(func(w io.Writer) error { _, err := io.WriteString(w, "after"); return err })); err != nil {
		t.Fatal(err)
	}
	want("after")
	null := output{path: "/dev/null"}
	if err := errors.Join(null.open(), null.write(func(w io.Writer) error { _, err := io.WriteString(w, "x"); return err })); err != nil {
		t.Error(err)
	}
	if err := (&output{field: "Trace", path: dir}).open(); fault.Status(err) != fault.StatusUsage || !strings.Contains(err.Error(), "regular") {
		t.Errorf("a directory: %v", err)
	}
}

// TestNeverRan: a run that comes to nothing leaves no file.
func TestNeverRan(t *testing.T) {
	dir := t.TempDir()
	list, err := New(command.Watch{Trace: filepath.Join(dir, "t"), Profile: filepath.Join(dir, "p"), TraceOnly: []string{"io", "mmio"}, GDB: ":0"})
	if err != nil || len(list) != 3 {
		t.Fatalf("%d, %v", len(list), err)
	}
	c := machine.Config{CPUs: 2}
	for _, w := range list {
		if err := w.Prepare(&c); err != nil {
			t.Fatal(err)
		}
	}
	if !c.Debug || c.Trace(1) == nil {
		t.Errorf("%+v", c)
	}
	for _, w := range list {
		if err := w.End(); err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestMask(t *testing.T) {
	if m, err := maskOf(nil); err != nil || m != trace.All {
		t.Errorf("%x, %v", m, err)
	}
	if m, err := maskOf([]string{"io", "mmio"}); err != nil || m != 1<<2|1<<6 {
		t.Errorf("%x, %v", m, err)
	}
	if _, err := maskOf([]string{"pio"}); err == nil || !strings.Contains(err.Error(), "irq-window") {
		t.Errorf("%v", err)
	}
}
