package pid1

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// maxSize is what the program may weigh: it is read from the initramfs page by page.
const maxSize = 20 << 10

func TestCompiles(t *testing.T) {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("gcc is not installed")
	}
	dir := t.TempDir()
	args, err := Unpack(dir, "init", []string{"sh", "[["})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(gcc, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	info, err := os.Stat(filepath.Join(dir, "init"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxSize {
		t.Errorf("init has %d bytes, at most %d are wanted", info.Size(), maxSize)
	}
	checkStatic(t, filepath.Join(dir, "init"))
}

func checkStatic(t *testing.T, name string) {
	f, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("segment %v: init must be static", p.Type)
		}
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_W != 0 {
			t.Error("init has writable data, each page of which costs a fault")
		}
	}
}
