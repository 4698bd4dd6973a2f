package image

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"terem/internal/fault"
	"terem/internal/vm/disk/ext4"
)

// TestChanging: a directory that changes while it is read leads nowhere else.
func TestChanging(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	must(t, os.WriteFile(secret, []byte("secret"), 0o600))
	for _, tt := range []struct {
		name   string
		change func(dir, file string) error
		want   error
	}{
		{"gone", func(_, file string) error { return os.Remove(file) }, unix.ENOENT},
		{"link", func(_, file string) error { return errors.Join(os.Remove(file), os.Symlink(secret, file)) }, nil},
		{"FIFO", func(_, file string) error { return errors.Join(os.Remove(file), unix.Mkfifo(file, 0o600)) }, errSwapped},
		{"another", func(_, file string) error {
			return errors.Join(os.WriteFile(file+"2", []byte("text"), 0o600), os.Rename(file+"2", file))
		}, errSwapped},
		{"directory is a link", func(dir, _ string) error {
			return errors.Join(os.RemoveAll(dir+"/sub"), os.Symlink(filepath.Dir(secret), dir+"/sub"))
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			file := dir + "/sub/secret"
			must(t, os.Mkdir(dir+"/sub", 0o755), os.WriteFile(file, []byte("text"), 0o600))
			s, err := scan(t.Context(), dir)
			must(t, err)
			defer s.Close()
			must(t, tt.change(dir, file))
			c, err := s.tree.root.Children["sub"].Children["secret"].Open()
			if err == nil {
				c.Close()
				t.Fatal("it was opened")
			}
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Error(err)
			}
		})
	}
}

// TestAttributesError: attributes that cannot be listed are not taken for none.
func TestAttributesError(t *testing.T) {
	const none = 1 << 20 // no descriptor
	if a, err := attributes(none); err == nil {
		t.Errorf("%v", a)
	}
}

// TestUnreadable: what cannot be read is named, in the words of a user who is not root.
func TestUnreadable(t *testing.T) {
	needTools(t)
	dir := t.TempDir()
	source := filepath.Join(dir, "source")
	must(t, os.MkdirAll(source+"/a/closed", 0), os.Chmod(dir, 0o755))
	if os.Getuid() == 0 {
		t.Skip("root may read everything") // cmd/terem's TestDisk does this as somebody else
	}
	err := (&FromDir{Source: source, Path: dir + "/img"}).Make(t.Context())
	wantError(t, err, fault.Usage, "read "+source, "/a", "permission denied", "get the right")
}

// TestScan: links between files, and descriptors that are not left behind.
func TestScan(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Mkdir(dir+"/sub", 0o755), os.WriteFile(dir+"/file", []byte("text"), 0o600), os.Link(dir+"/file", dir+"/sub/other"), syscall.Mkfifo(dir+"/fifo", 0o600))
	count := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		must(t, err)
		return len(list)
	}
	before := count()
	s, err := scan(t.Context(), dir)
	must(t, err)
	root := s.tree.root
	if root.Children["file"] != root.Children["sub"].Children["other"] || kind(root.Children["fifo"]) != unix.S_IFIFO {
		t.Errorf("%+v", root.Children)
	}
	if total, files := s.tree.weigh(); files != 4 || total != 5*fileBlock {
		t.Errorf("%d bytes in %d files", total, files)
	}
	must(t, s.Close())
	if n := count(); n != before {
		t.Errorf("%d descriptors, were %d", n, before)
	}
	t.Chdir(dir)
	for range maxDepth + 1 {
		must(t, os.Mkdir("d", 0o700), os.Chdir("d"))
	}
	_, err = scan(t.Context(), dir)
	var said *ext4.Error
	if !errors.Is(err, errDeep) || !errors.As(err, &said) || !strings.HasPrefix(said.Path, "/d/d/d") {
		t.Errorf("%.100v", err)
	}
}
