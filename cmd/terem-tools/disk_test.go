package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"terem/internal/fault"
)

// TestDiskErrors: a mistake is one line that names the thing, the cause and the mend.
func TestDiskErrors(t *testing.T) {
	taken := write(t, "taken.img", make([]byte, 512))
	empty := write(t, "empty.img", nil)
	text := write(t, "hostname", []byte("host\n"))
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{[]string{"create"}, []string{"`terem disk create` wants: ", "terem disk create --help"}},
		{[]string{"create", "x", "big"}, []string{"big", "not a size", "such as 512M", "terem disk create --help"}},
		{[]string{"create", "x", "0"}, []string{"make x", "no bytes", "such as 4G"}},
		{[]string{"create", "x", "1000"}, []string{"make x", "no multiple of 512", "try 1024"}},
		{[]string{"create", taken, "1M"}, []string{"make " + taken, "it exists", "--force"}},
		{[]string{"create", "/no/such/x", "1M"}, []string{"make /no/such/x", "no such file", "directory"}},
		{[]string{"from-dir", "x"}, []string{"and got", "terem disk from-dir --help"}},
		{[]string{"from-dir", "/no/such", "x"}, []string{"/no/such", "no such file", "directory or a tar"}},
		{[]string{"from-dir", "/etc", "x", "--size", "much"}, []string{"--size much", "not a size"}},
		{[]string{"from-dir", "/etc", "x", "--size", "0"}, []string{"--size 0", "no bytes", "leave it out"}},
		{[]string{"check", text}, []string{"disk " + text, "a text, and no disk image", "name an image"}},
		{[]string{"info"}, []string{"`terem disk info` wants: ", "terem disk info --help"}},
		{[]string{"info", "/no/such"}, []string{"disk /no/such", "no such file", "terem disk create"}},
		{[]string{"info", "/dev/null"}, []string{"disk /dev/null", "character device", "block device"}},
		{[]string{"info", empty}, []string{"disk " + empty, "empty"}},
		{[]string{"check", "/no/such"}, []string{"disk /no/such", "no such file"}},
		{[]string{"check", "/tmp"}, []string{"disk /tmp", "a directory"}},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			wantError(t, terem(t, 0, append([]string{"disk"}, tt.args...)...), fault.StatusUsage, tt.want...)
		})
	}
}

// TestDisk makes images and looks at them; as an ordinary user, if it is root.
func TestDisk(t *testing.T) {
	for _, name := range []string{"/usr/sbin/mkfs.ext4", "/usr/sbin/debugfs"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(err)
		}
	}
	dir, err := os.MkdirTemp("/tmp", "terem-test")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := errors.Join(os.Chmod(dir, 0o777), os.Mkdir(dir+"/root", 0o755), os.WriteFile(dir+"/root/file", []byte("text"), 0o644),
		exec.Command("tar", "-C", dir+"/root", "--owner=12", "-cf", dir+"/a.tar", ".").Run()); err != nil {
		t.Fatal(err)
	}
	uid := uint32(0)
	if os.Getuid() == 0 {
		uid = 65534
	}
	run := func(status int, want string, args ...string) outcome {
		t.Helper()
		r := terem(t, uid, append([]string{"disk"}, args...)...)
		if r.status != status || r.stderr != "" || !strings.Contains(r.out, want) {
			t.Errorf("%q: status %d, %q, %q; want %d and %q", args, r.status, r.out, r.stderr, status, want)
		}
		return r
	}
	img := filepath.Join(dir, "img")
	run(0, "", "from-dir", dir+"/root", img, "--size", "16M", "--label", "first")
	run(0, `ext4 "first", clean`, "info", img)
	run(0, "", "from-dir", dir+"/a.tar", img, "--size", "16M", "--force")
	run(0, "the file system (ext4): clean", "check", img)
	r := run(0, "", "info", "--json", img)
	var info struct {
		Size    int64
		Content struct {
			FileSystem struct{ Type string } `json:"file_system"`
		}
	}
	if err := json.Unmarshal([]byte(r.out), &info); err != nil || info.Size != 16<<20 || info.Content.FileSystem.Type != "ext4" {
		t.Errorf("%s: %v", r.out, err)
	}
	f, err := os.OpenFile(img, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt([]byte("nonsense where the group descriptors are"), 4096)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	run(statusProblems, "the file system (ext4): e2fsck gives up", "check", img)
	if r := run(statusProblems, "e2fsck: ", "check", "-v", img); strings.Count(r.out, "\n") < 3 {
		t.Errorf("-v says no more: %s", r.out)
	}
	run(0, "", "create", dir+"/empty", "1G")
	run(statusUnchecked, "no file system", "check", dir+"/empty")
	run(0, "nothing that terem knows", "info", dir+"/empty")
}
