package launch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"terem/boot/unpack"
	"terem/internal/fault"
	"terem/internal/vm/disk"
)

// TestOneFileTwice goes through the pairs of what names files: what one of them writes, no other may use. The names
// are links of both kinds, so that none is like another.
func TestOneFileTwice(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	n := 0
	name := func() string {
		n++
		path := filepath.Join(dir, string(rune('a'+n/26))+string(rune('a'+n%26)))
		link := os.Link
		if n%2 == 0 {
			link = os.Symlink
		}
		if err := link(file, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	open := func(flag int) *os.File {
		f, err := os.OpenFile(name(), flag, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	other := filepath.Join(dir, "other.img")
	if err := os.WriteFile(other, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	ways := []struct {
		name   string
		writes bool
		stream bool
		add    func(*Options)
	}{
		{"--kernel", false, false, func(o *Options) { o.Kernel = name() }},
		{"--initrd", false, false, func(o *Options) { o.Initrd = name() }},
		{"disk read", false, false, func(o *Options) { o.Disks = append(o.Disks, disk.Spec{Path: name(), ReadOnly: true}) }},
		{"disk", true, false, func(o *Options) { o.Disks = append(o.Disks, disk.Spec{Path: name()}) }},
		{"disk under an overlay", false, false, func(o *Options) {
			o.Disks = append(o.Disks, disk.Spec{Path: name(), Overlay: filepath.Join(dir, "new")})
		}},
		{"overlay", true, false, func(o *Options) { o.Disks = append(o.Disks, disk.Spec{Path: other, Overlay: name()}) }},
		{"--console", true, false, func(o *Options) { o.Console = name() }},
		{"stdin", false, true, func(o *Options) { o.Stdin = open(os.O_RDONLY) }},
		{"stdout", true, true, func(o *Options) { o.Stdout = open(os.O_WRONLY | os.O_APPEND) }},
		{"stderr", true, true, func(o *Options) { o.Stderr = open(os.O_WRONLY | os.O_APPEND) }},
	}
	const precious = "precious"
	try := func(add ...func(*Options)) error {
		if err := os.WriteFile(file, []byte(precious+strings.Repeat("\n", 512-len(precious))), 0o600); err != nil {
			t.Fatal(err)
		}
		o := files(t, Options{Kernel: other, CPU: "host", Memory: 64 << 20})
		for _, a := range add {
			a(o)
		}
		_, err := Run(o)
		if b, _ := os.ReadFile(file); !strings.HasPrefix(string(b), precious) {
			t.Error("the file was overwritten")
		}
		return err
	}
	for i, a := range ways {
		for _, b := range ways[i+1:] {
			unused := func(x, y string) bool { return x == "--console" && (y == "stdin" || y == "stdout") }
			refused := (a.writes || b.writes) && !(a.stream && b.stream) && !unused(a.name, b.name)
			t.Run(a.name+" and "+b.name, func(t *testing.T) {
				err := try(a.add, b.add)
				if err == nil {
					t.Fatal("a file of zeros was booted")
				}
				said := false
				for _, words := range []string{"the same file as", "the overlay is", "there twice", "it is the overlay"} {
					said = said || strings.Contains(err.Error(), words)
				}
				if said != refused || refused && fault.Status(err) != fault.StatusUsage {
					t.Errorf("%v; refused is to be %t", err, refused)
				}
			})
		}
	}
}

// TestConsoleOnDevice: a log is not written over a block device.
func TestConsoleOnDevice(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("losetup", "--find", "--show", file).Output()
	if err != nil {
		t.Skipf("needs a loop device: %v", err)
	}
	loop := strings.TrimSpace(string(out))
	defer exec.Command("losetup", "--detach", loop).Run()
	_, err = Run(files(t, Options{Kernel: file, CPU: "host", Memory: 64 << 20, Console: loop, Decoders: Decoders{Kernel: unpack.Open}}))
	if err == nil || !strings.Contains(err.Error(), "a block device") {
		t.Errorf("%v", err)
	}
	_, err = Run(files(t, Options{Kernel: file, CPU: "host", Memory: 64 << 20, Disks: []disk.Spec{{Path: loop}}}))
	if err == nil || !strings.Contains(err.Error(), "it is the same file as") {
		t.Errorf("a kernel on a disk that is written: %v", err)
	}
}
