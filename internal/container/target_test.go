package container

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"terem/internal/fault"
)

// listing is all that is below a directory, with what makes files differ.
func listing(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil {
			files = append(files, path+" "+d.Type().String())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestReadOnlyStays: a root that cannot be written is not written for its mounts; the next
// container sees nothing of them.
func TestReadOnlyStays(t *testing.T) {
	needRoot(t)
	root, source := newRoot(t), t.TempDir()
	file := filepath.Join(source, "file")
	if err := errors.Join(os.WriteFile(file, []byte("content"), 0o644), os.Chmod(source, 0o755),
		os.Remove(filepath.Join(root, "proc")), os.Symlink("probe", filepath.Join(root, "link")),
		os.MkdirAll(filepath.Join(root, "deep", "er"), 0o755), os.Chown(root, 12, 34), os.Chmod(root, 0o755|os.ModeSticky)); err != nil {
		t.Fatal(err)
	}
	before := listing(t, root)
	for _, users := range []Users{UsersPrivate, UsersHost} {
		c := Config{Root: root, ReadOnly: true, Users: users, Binds: []Bind{{file, "/leftover", false}, {source, "/lost", false}, {source, "/tmp/new", false}}}
		for _, path := range []string{"/leftover", "/lost/file", "/tmp/new/file"} {
			if out := must(t, c, "show", path); out != "content" {
				t.Errorf("users %s: %s has %q", users, path, out)
			}
		}
		if out := must(t, c, "list", "/"); out != "deep\ndev\nleftover\nlink\nlost\nprobe\nproc\nsys\ntmp\n" {
			t.Errorf("users %s: / has %q", users, out)
		}
		must(t, Config{Root: root, ReadOnly: true, Users: users, Binds: c.Binds, Argv: []string{"/link", "exit", "0"}})
		for _, path := range []string{"/new", "/deep/new"} {
			if out, o := run(t, c, "write", path); o.Status != 1 || !strings.Contains(out, "read-only") {
				t.Errorf("users %s: a write to %s: %+v, %s", users, path, o, out)
			}
		}
		if out := must(t, c, "stat", "/"); !strings.HasPrefix(out, "/ 41755 12:34 ") {
			t.Errorf("users %s: mode and owner of %s", users, out)
		}
		checkMounts(t, must(t, c, "show", "/proc/self/mountinfo"))
	}
	c := Config{Root: root, ReadOnly: true, Binds: []Bind{{source, "/deep/er/lost", false}}}
	if _, err := tryBegin(t, c, "exit", "0"); err == nil || !strings.Contains(err.Error(), "/deep/er/lost of the root: it is not there, and the root is read-only") {
		t.Errorf("a target in the middle of the root: %v", err)
	}
	if after := listing(t, root); !slices.Equal(after, before) {
		t.Errorf("the root has %q, had %q", after, before)
	}
}

// checkMounts: of all mounts one is the root, and none the host's.
func checkMounts(t *testing.T, mountinfo string) {
	t.Helper()
	roots := 0
	for line := range strings.Lines(mountinfo) {
		if strings.Fields(line)[4] == "/" { // proc_pid_mountinfo(5)
			roots++
		}
	}
	if roots != 1 {
		t.Errorf("%d mounts at /:\n%s", roots, mountinfo)
	}
}

// TestTargets: where a bind goes is found as a program in the container would find it.
func TestTargets(t *testing.T) {
	needRoot(t)
	source := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(source, "file"), []byte("content"), 0o644), os.Chmod(source, 0o755)); err != nil {
		t.Fatal(err)
	}
	outside := t.TempDir()
	for _, tt := range []struct {
		target, seen string
		say          string // of an error
	}{
		{"/new", "/new/file", ""},
		{"/var/run/x", "/run/x/file", ""},
		{"/var/run", "/run/file", ""},
		{"/up/x", "/x/file", ""},
		{"/out", "", "it is a link to what is not there"},
		{"/out/x", "", "no such file or directory; make that directory"},
		{"/circle", "", "in a circle"},
		{"/top", "", "the root itself"},
		{"/probe", "", "it must be a directory"},
		{"/probe/x", "", "it must be a directory"},
		{"/no/x", "", "make that directory"},
	} {
		root := newRoot(t)
		in := func(name string) string { return filepath.Join(root, name) }
		if err := errors.Join(os.Mkdir(in("run"), 0o755), os.Mkdir(in("var"), 0o755), os.Symlink("/run", in("var/run")),
			os.Symlink("../../..", in("up")), os.Symlink(outside, in("out")), os.Symlink("circle", in("circle")), os.Symlink("/", in("top"))); err != nil {
			t.Fatal(err)
		}
		r, err := tryBegin(t, Config{Root: root, Binds: []Bind{{Source: source, Target: tt.target}}}, "show", tt.seen)
		if tt.say != "" {
			if err == nil || !strings.Contains(err.Error(), tt.target+" of the root: ") || !strings.Contains(err.Error(), tt.say) {
				t.Errorf("%s: error %v, want %q", tt.target, err, tt.say)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.target, err)
			continue
		}
		if out, o := r.end(); out != "content" || o.Status != 0 {
			t.Errorf("%s: %s has %q, %+v", tt.target, tt.seen, out, o)
		}
	}
	if files := listing(t, outside); len(files) != 1 {
		t.Errorf("outside of the root: %q", files)
	}
}

// TestFileTargets: a file is not mounted on a directory, and what /proc and the like are to
// be mounted on is named if it is a file.
func TestFileTargets(t *testing.T) {
	needRoot(t)
	if _, err := tryBegin(t, Config{Binds: []Bind{{probe.path, "/tmp", false}}}, "exit", "0"); err == nil || !strings.Contains(err.Error(), "/tmp of the root: is a directory") {
		t.Errorf("a file on a directory: %v", err)
	}
	for _, name := range []string{"proc", "sys", "dev", "tmp"} {
		root := newRoot(t)
		at := filepath.Join(root, name)
		if err := errors.Join(os.Remove(at), os.WriteFile(at, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
		_, err := tryBegin(t, Config{Root: root, ReadOnly: name == "tmp"}, "exit", "0")
		var e *fault.Error
		if !errors.As(err, &e) || e.Class != fault.Usage || err.Error() != "/"+name+" of the root: not a directory; it must be a directory" {
			t.Errorf("/%s is a file: %v", name, err)
		}
	}
}
