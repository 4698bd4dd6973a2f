package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"terem/internal/fault"
	"terem/internal/vm/disk"
)

// needTools skips where e2fsprogs is missing.
func needTools(t *testing.T) {
	t.Helper()
	for _, name := range []string{"mkfs.ext4", "debugfs", "e2fsck"} {
		if _, err := tool(name); err != nil {
			t.Skip(err)
		}
	}
}

// wantError checks an error's class, and that it is one line with all of parts in it.
func wantError(t *testing.T, err error, class fault.Class, parts ...string) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || e.Class != class || strings.Contains(err.Error(), "\n") {
		t.Fatalf("%v; want one line of class %d", err, class)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("%q does not say %q", err, p)
		}
	}
}

// onlyFiles checks that nothing else is in a directory.
func onlyFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range list {
		got = append(got, e.Name())
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s has %q, want %q", dir, got, want)
	}
}

func TestCreate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := Create(path, 1<<30, false); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Size() != 1<<30 {
		t.Fatalf("%v, %v", st, err)
	}
	wantError(t, Create(path, 512, false), fault.Usage, "make "+path, "it exists", "Force")
	if err := Create(path, 512, true); err != nil {
		t.Fatal(err)
	}
	d, err := disk.Open(disk.Spec{Path: path}, disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, Create(path, 1024, true), fault.Usage, "in use by this terem")
	d.Close()
	wantError(t, Create(path, 0, true), fault.Usage, "no bytes")
	wantError(t, Create(path, 1000, true), fault.Usage, "no multiple of 512", "try 1024")
	wantError(t, Create(path, 1<<63, true), fault.Usage, "cannot be that long")
	wantError(t, Create(path, 1<<62, true), fault.Usage, "ask for less")
	wantError(t, Create(dir+"/no/such", 512, true), fault.Usage, "no such file", "directory that you may write to")
	wantError(t, Create(dir, 512, true), fault.Usage, "no regular file")
	onlyFiles(t, dir, "a")
}

// TestFromDirectory makes an image and has e2fsck and debugfs look at it.
func TestFromDirectory(t *testing.T) {
	needTools(t)
	dir := t.TempDir()
	source := filepath.Join(dir, "source")
	if err := errors.Join(os.MkdirAll(source+"/etc/deep", 0o755), os.WriteFile(source+"/etc/motd", []byte("hi\n"), 0o640),
		os.Symlink("etc/motd", source+"/link"), os.Link(source+"/etc/motd", source+"/etc/deep/hard")); err != nil {
		t.Fatal(err)
	}
	for i := range 3000 { // more than the usual number of inodes of a small disk
		if err := os.WriteFile(fmt.Sprintf("%s/etc/deep/%d", source, i), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "img")
	if err := (&FromDir{Source: source, Path: path, Size: 32 << 20, Label: "root"}).Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	onlyFiles(t, dir, "img", "source")
	r, err := Check(t.Context(), path)
	if err != nil || len(r.Problems) > 0 || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "(ext4): clean") {
		t.Errorf("%+v, %v", r, err)
	}
	for request, want := range map[string]string{
		"stat /": "User:     0   Group:     0", "cat /etc/deep/hard": "hi", "stat /etc/motd": "Links: 2", "stat /link": `"etc/motd"`,
	} {
		if out := debugfs(t, path, request); !strings.Contains(out, want) {
			t.Errorf("%s: %s", request, out)
		}
	}
	in, err := Examine(path)
	if err != nil || in.Size != 32<<20 || in.Content == nil || in.Content.FileSystem == nil || in.Content.FileSystem.Label != "root" ||
		in.Content.FileSystem.Type != "ext4" || in.Content.FileSystem.State != "clean" {
		t.Errorf("%+v, %v", in, err)
	}
}

func debugfs(t *testing.T, image, request string) string {
	t.Helper()
	out, stderr, _, err := runTool(t.Context(), "debugfs", "-R", request, image)
	if err != nil {
		t.Fatal(err)
	}
	return out + stderr
}

func TestFromDirErrors(t *testing.T) {
	needTools(t)
	dir := t.TempDir()
	source := filepath.Join(dir, "source")
	if err := errors.Join(os.Mkdir(source, 0o755), os.WriteFile(source+"/big", bytes.Repeat([]byte{1}, 8<<20), 0o600),
		os.WriteFile(dir+"/text", []byte("no tar at all, and longer than that if it needs be"), 0o600), os.WriteFile(dir+"/taken", nil, 0o600),
		os.WriteFile(dir+"/zeros", make([]byte, 4096), 0o600), os.WriteFile(dir+"/window", []byte("\x28\xb5\x2f\xfd\x00\xa8\x02\x00\x10\x00"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		f    FromDir
		want []string
	}{
		{FromDir{Source: dir + "/none", Path: dir + "/img"}, []string{"/none", "no such file", "directory or a tar"}},
		{FromDir{Source: source, Path: source + "/img"}, []string{"in the directory that it is made from"}},
		{FromDir{Source: source, Path: dir + "/taken"}, []string{"it exists", "Force"}},
		{FromDir{Source: source, Path: dir + "/img", Size: 4 << 20}, []string{"too little", "Size"}},
		{FromDir{Source: source, Path: dir + "/img", Size: 1000}, []string{"no multiple of 512"}},
		{FromDir{Source: source, Path: dir + "/img", Label: "12345678901234567"}, []string{"label of 17 bytes"}},
		{FromDir{Source: dir + "/text", Path: dir + "/img"}, []string{dir + "/text", "the tar cannot be used: it is no tar", "name a directory"}},
		{FromDir{Source: dir + "/zeros", Path: dir + "/img"}, []string{"/zeros", "it is no tar, or cut short, or one with nothing in it", "name a directory"}},
		{FromDir{Source: dir + "/window", Path: dir + "/img"}, []string{"/window", "the tar cannot be used: window size exceeded"}}, // zstd --long=31
		{FromDir{Source: os.DevNull, Path: dir + "/img"}, []string{os.DevNull, "neither a directory nor a tar"}},
		{FromDir{Source: source, Path: dir + "/img", Size: 10 << 10}, []string{"10 KiB are too little", "Size"}},
		{FromDir{Source: dir + "/taken", Path: dir + "/img"}, []string{"the tar cannot be used", "nothing in it"}},
	} {
		wantError(t, tt.f.Make(t.Context()), fault.Usage, tt.want...)
		onlyFiles(t, dir, "source", "taken", "text", "window", "zeros")
	}
	t.Setenv("PATH", "")
	if exists("/sbin/mkfs.ext4") || exists("/usr/sbin/mkfs.ext4") {
		return
	}
	err := (&FromDir{Source: source, Path: dir + "/img"}).Make(t.Context())
	wantError(t, err, fault.Host, "mkfs.ext4", "apt install e2fsprogs")
}

// TestFullHost: where the host's disk is full, it is not the size or the source that is wrong.
func TestFullHost(t *testing.T) {
	needTools(t)
	dir := t.TempDir()
	small, source := filepath.Join(dir, "small"), filepath.Join(dir, "source")
	must(t, os.Mkdir(small, 0o755), os.Mkdir(source, 0o755), os.WriteFile(source+"/big", bytes.Repeat([]byte("noise"), 1<<20), 0o600))
	if err := unix.Mount("none", small, "tmpfs", 0, "size=7m"); err != nil {
		t.Skipf("no mount: %v", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(small, 0)) })
	gnuTar(t, "-C", source, "-cf", dir+"/a.tar", ".") // its contents wait in the same directory
	for from, taken := range map[string]int{source: 3 << 20, dir + "/a.tar": 0} {
		must(t, os.WriteFile(small+"/other", make([]byte, taken), 0o600))
		err := (&FromDir{Source: from, Path: small + "/img"}).Make(t.Context())
		wantError(t, err, fault.Host, "make "+small+"/img: no space left on device; make room")
		must(t, os.Remove(small+"/other"))
	}
	must(t, unix.Mount("none", small, "tmpfs", unix.MS_REMOUNT, "size=40k")) // too little for mke2fs
	err := (&FromDir{Source: source, Path: small + "/img"}).Make(t.Context())
	wantError(t, err, fault.Host, "make "+small+"/img: no space left on device; make room")
	onlyFiles(t, small)
}

// TestManyFiles: more inodes than a small file system has room for.
func TestManyFiles(t *testing.T) {
	needTools(t)
	var list []tar.Header
	for i := range 3180 {
		list = append(list, tar.Header{Name: fmt.Sprint(i), Typeflag: tar.TypeFifo})
	}
	dir := t.TempDir()
	err := (&FromDir{Source: makeTar(t, dir, list...), Path: dir + "/img", Size: 1 << 20}).Make(t.Context())
	wantError(t, err, fault.Usage, "1 MiB are too little", "Size")
}

// qemuImg runs qemu-img, or skips.
func qemuImg(t *testing.T, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("qemu-img"); err != nil {
		t.Skip("no qemu-img: apt install qemu-utils")
	}
	if out, err := exec.Command("qemu-img", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// extImage is an image with a small ext4 file system.
func extImage(t *testing.T) string {
	t.Helper()
	needTools(t)
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/file", []byte("contents"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "img")
	if err := (&FromDir{Source: dir, Path: path, Size: 16 << 20}).Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCheck damages file systems, in raw images, overlays and qcow2.
func TestCheck(t *testing.T) {
	path := extImage(t)
	d, err := disk.Open(disk.Spec{Path: path, Overlay: path + ".over"}, disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Check(t.Context(), path+".over"); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("while it is open: %v", err)
	}
	if in, err := Examine(path + ".over"); err != nil || in.Overlay == nil || in.Content == nil || in.Content.FileSystem == nil {
		t.Errorf("while it is open: %+v, %v", in, err)
	}
	block := bytes.Repeat([]byte{0xff}, 4096)
	if err := errors.Join(d.WriteVec([][]byte{block}, 4096), d.Close()); err != nil { // group descriptors
		t.Fatal(err)
	}
	check := func(path string, damaged bool, want string) {
		t.Helper()
		r, err := Check(t.Context(), path)
		if err != nil || damaged != (len(r.Problems) > 0) || !strings.Contains(strings.Join(append(r.Notes, r.Problems...), "\n"), want) {
			t.Errorf("%s: %+v, %v", path, r, err)
		}
	}
	check(path, false, "clean")
	check(path+".over", true, "ext4")
	if err := os.Truncate(path+".over", 1<<20); err != nil {
		t.Fatal(err)
	}
	check(path+".over", true, "the overlay is damaged")
	qemuImg(t, "convert", "-O", "qcow2", path, path+".qcow2")
	check(path+".qcow2", false, "structure (qcow2): clean")
	check(path+".qcow2", false, "(ext4): clean")
}

// TestJournal checks a file system that was not unmounted.
func TestJournal(t *testing.T) {
	path := extImage(t)
	// jo, jw and jc leave a transaction in the journal, and the superblock says so.
	out, stderr, _, err := runTool(t.Context(), "debugfs", "-w", "-R", "feature needs_recovery", path)
	if err != nil || strings.Contains(stderr, "needs_recovery:") {
		t.Fatalf("%s%s%v", out, stderr, err)
	}
	if in, err := Examine(path); err != nil || in.Content.FileSystem.State != "needs recovery" {
		t.Fatalf("%+v, %v", in.Content.FileSystem, err)
	}
	before, _ := os.ReadFile(path)
	r, err := Check(t.Context(), path)
	if err != nil || len(r.Problems) > 0 || !strings.Contains(strings.Join(r.Notes, "\n"), "journal is replayed") {
		t.Errorf("%+v, %v", r, err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the check has changed the image")
	}
}

func TestInfoText(t *testing.T) {
	path := extImage(t)
	in, err := Examine(path)
	if err != nil {
		t.Fatal(err)
	}
	var text, js bytes.Buffer
	if err := errors.Join(in.Text(&text), in.JSON(&js)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"image      " + path + ", a file\n", "format     raw\n", "size       16 MiB (16777216 bytes)\n", "holds      ext4, clean, UUID "} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in\n%s", want, &text)
		}
	}
	var back Info
	if err := json.Unmarshal(js.Bytes(), &back); err != nil || back.Size != in.Size || back.Content.FileSystem.UUID != in.Content.FileSystem.UUID {
		t.Errorf("%s: %v", &js, err)
	}
}
