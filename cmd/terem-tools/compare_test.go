package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"terem/guest"
	"terem/internal/cli/tty/ttytest"
	"terem/internal/compare/result"
)

func TestToFile(t *testing.T) {
	dir := t.TempDir()
	write := func(w io.Writer) error { _, err := io.WriteString(w, "text"); return err }
	path := filepath.Join(dir, "file")
	read := func(want os.FileMode) {
		t.Helper()
		b, err := os.ReadFile(path)
		st, err2 := os.Lstat(path)
		if err := errors.Join(err, err2); err != nil || string(b) != "text" || st.Mode() != want {
			t.Errorf("%v: %q, mode %v, want %v", err, b, st.Mode(), want)
		}
	}
	if err := toFile(path, write); err != nil {
		t.Error(err)
	}
	read(newFile())
	if err := errors.Join(os.WriteFile(path, []byte("longer than that"), 0o600), os.Chmod(path, 0o600), toFile(path, write)); err != nil {
		t.Error(err)
	}
	read(0o600)
	link := filepath.Join(dir, "link")
	if err := errors.Join(os.Symlink("file", link), os.WriteFile(path, nil, 0o600), writable(link), toFile(link, write)); err != nil {
		t.Error(err)
	}
	read(0o600)
	late, far := filepath.Join(dir, "late"), filepath.Join(t.TempDir(), "not-yet")
	if err := errors.Join(os.Symlink(far, late), toFile(late, write)); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(far); err != nil || string(b) != "text" || target(late) != target(far) {
		t.Errorf("through a link to what was not there: %q, %v", b, err)
	}
	bad := errors.New("half-way")
	if err := toFile(path, func(w io.Writer) error { _ = write(w); return bad }); !errors.Is(err, bad) {
		t.Errorf("error %v", err)
	}
	read(0o600)
	if left, err := os.ReadDir(dir); err != nil || len(left) != 3 {
		t.Errorf("%v, %v", left, err)
	}
}

// TestToPipe: what is no file stays what it is.
func TestToPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := os.OpenFile(path, os.O_RDWR, 0) // so that neither end waits for the other
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := errors.Join(writable(path), toFile(path, func(w io.Writer) error { _, err := io.WriteString(w, "text"); return err })); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4)
	if _, err := io.ReadFull(r, b); err != nil || string(b) != "text" {
		t.Errorf("%q, %v", b, err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("%v: it is a pipe no more", err)
	}
}

// TestNobodyReads: a comparison whose lines nobody reads any more, as in `terem compare
// |& head -1`, takes away all that it has made.
func TestNobodyReads(t *testing.T) {
	dir, err := guest.DefaultCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := guest.FindInitrd(dir); err != nil {
		t.Skipf("needs the guest's root file system: %v", err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	tmp := t.TempDir()
	c := exec.Command(os.Args[0], "compare", "--quick", "--rounds", "1", "--targets", "process")
	c.Env = append(os.Environ(), runVar+"=1", "TMPDIR="+tmp)
	c.Stdout, c.Stderr = w, w
	if err := c.Run(); err == nil {
		t.Error("it does not say that its report is lost")
	}
	w.Close()
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestOutputsOnce: a file is not written twice, whatever it is called.
func TestOutputsOnce(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(file, []byte("{}"), 0o600), os.Symlink("file", link)); err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]string{{file, file}, {file, link}, {dir + "/new", dir + "/../" + filepath.Base(dir) + "/new"}} {
		wantError(t, terem(t, 0, "compare", "--json", pair[0], "--html", pair[1]), 64, "one would replace the other")
	}
	c := exec.Command(os.Args[0], "compare", "--quick", "--html", link)
	c.Env = append(os.Environ(), runVar+"=1", "GORACE=atexit_sleep_ms=0")
	out, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	var stderr strings.Builder
	c.Stdout, c.Stderr = out, &stderr
	if err := c.Run(); err == nil || !strings.Contains(stderr.String(), "standard output") {
		t.Errorf("a page on standard output's file: %v, %q", err, stderr.String())
	}
}

// TestCompareColors: NO_COLOR is heeded on a terminal.
func TestCompareColors(t *testing.T) {
	t.Setenv("TERM", "xterm")
	for _, noColor := range []string{"", "1"} {
		t.Setenv("NO_COLOR", noColor)
		keyboard, terminal := ttytest.Open(t)
		u := ttytest.NewUser(t, keyboard)
		stdout := os.Stdout
		os.Stdout = terminal
		err := (&compareFlags{}).write(&result.Result{})
		_, _ = terminal.WriteString("that is all\n") // Expect sees whether it comes
		os.Stdout = stdout
		if err != nil {
			t.Fatal(err)
		}
		if shown := u.Expect("that is all"); strings.Contains(shown, "\x1b[") == (noColor != "") {
			t.Errorf("NO_COLOR=%s: %q", noColor, shown)
		}
	}
}
