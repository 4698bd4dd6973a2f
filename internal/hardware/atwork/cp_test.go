package atwork

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCp: files go into a machine and come back as they were.
func TestCp(t *testing.T) {
	emulated(t)
	own(t)
	terem(t, "", "run", "--detach", "--name", "web", "--", "sleep", "1000").want(t, 0, "web\n")
	defer func() { terem(t, "", "kill", "web").want(t, 0, "") }()
	dir := t.TempDir()
	big := bytes.Repeat([]byte("0123456789abcde\n"), 50_000)
	if err := os.MkdirAll(filepath.Join(dir, "site", "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"site/big": big, "site/sub/run": []byte("#!/bin/sh\necho ran\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	terem(t, "", "cp", filepath.Join(dir, "site"), "web:/srv").want(t, 0, "")
	terem(t, "", "exec", "web", "/srv/sub/run").want(t, 0, "ran\n")
	terem(t, "", "cp", filepath.Join(dir, "site", "sub"), "web:/srv").want(t, 0, "") // it is there: within it
	terem(t, "", "cp", "web:/srv", filepath.Join(dir, "back")).want(t, 0, "")
	if b, err := os.ReadFile(filepath.Join(dir, "back", "big")); err != nil || !bytes.Equal(b, big) {
		t.Errorf("%d bytes came back, %v", len(b), err)
	}
	if st, err := os.Stat(filepath.Join(dir, "back", "sub", "run")); err != nil || st.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", st, err)
	}
	terem(t, "", "cp", "web:/etc/passwd", dir).want(t, 0, "")
	if b, err := os.ReadFile(filepath.Join(dir, "passwd")); err != nil || !bytes.Contains(b, []byte("root:")) {
		t.Errorf("passwd: %q, %v", b, err)
	}
	if s := terem(t, "", "cp", "web:/etc/passwd", "-"); s.status != 0 || len(s.out) < 1024 || s.out[:6] != "passwd" {
		t.Errorf("an archive: status %d, %d bytes, %s", s.status, len(s.out), s.stderr)
	}
	for _, args := range [][]string{{"web:/nope", dir}, {filepath.Join(dir, "nope"), "web:/"}, {filepath.Join(dir, "site"), "web:/no/where/x"}, {"web:/etc", "/proc/nope/x"}} {
		if s := terem(t, "", append([]string{"cp"}, args...)...); s.status != 69 || strings.Contains(s.stderr, "empty archive") || bytes.Count([]byte(s.stderr), []byte("\n")) != 1 {
			t.Errorf("%q: %+v", args, s)
		}
	}
}
