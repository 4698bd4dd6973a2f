package session

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/cli/tty/ttytest"
)

// kinds are what standard files are in TestStreams.
var kinds = [...]string{"terminal", "pipe", "file"}

// TestStreams gives a program terminals, pipes and files in every combination. Each stays
// what it is, and its name in /dev leads to it.
func TestStreams(t *testing.T) {
	root := newRoot(t)
	for _, in := range kinds {
		for _, out := range kinds {
			for _, errors := range kinds {
				t.Run(in+" "+out+" "+errors, func(t *testing.T) { runStreams(t, root, [...]string{in, out, errors}) })
			}
		}
	}
}

func runStreams(t *testing.T, root string, kind [3]string) {
	var fs unix.Statfs_t
	if err := unix.Statfs(t.TempDir(), &fs); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(kind[:], "file") && (fs.Type == unix.TMPFS_MAGIC || fs.Type == unix.OVERLAYFS_SUPER_MAGIC) {
		t.Skip("the owners of files there may not be shifted")
	}
	far, tty := openTerminal(t)
	u := ttytest.NewUser(t, far)
	dir := t.TempDir()
	var files [3]*os.File
	var ends [3]func() string // what has arrived
	for i, k := range kind {
		switch k {
		case "terminal":
			files[i] = tty
		case "pipe":
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				fmt.Fprint(w, "one\ntwo\n")
				w.Close()
				files[i] = r
				break
			}
			files[i] = w
			ends[i] = func() string {
				w.Close()
				b, _ := io.ReadAll(r) // a pipe that cannot be read has nothing
				return string(b)
			}
		case "file":
			path := filepath.Join(dir, fmt.Sprint(i))
			if err := os.WriteFile(path, []byte("one\ntwo\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			flags := os.O_RDONLY
			if i > 0 {
				flags = os.O_WRONLY | os.O_TRUNC
			}
			f, err := os.OpenFile(path, flags, 0)
			if err != nil {
				t.Fatal(err)
			}
			files[i] = f
			ends[i] = func() string {
				b, _ := os.ReadFile(path) // see above
				return string(b)
			}
		}
	}
	c := config(root, "streams")
	c.Stdin, c.Stdout, c.Stderr = files[0], files[1], files[2]
	done := begin(t, c)
	second := "two"
	switch kind[0] {
	case "terminal":
		time.Sleep(50 * time.Millisecond) // what is typed before it is raw comes as well
		u.Type("one\rtwo\r")
	case "file":
		second = "one" // from its beginning
	}
	if status := <-done; status != 0 {
		t.Errorf("status %d: %q", status, u.Rest(100*time.Millisecond))
	}
	shown := u.Rest(100 * time.Millisecond)
	for i, name := range []string{1: "/dev/stdout", 2: "/dev/stderr"} {
		if i == 0 {
			continue
		}
		want := fmt.Sprintf("terminal %v %v %v\nread one %s\nagain %s\n", kind[0] == "terminal", kind[1] == "terminal", kind[2] == "terminal", second, name)
		got := strings.ReplaceAll(shown, "\r", "")
		if ends[i] != nil {
			got = ends[i]()
		}
		if !strings.Contains(got, want) || ends[i] != nil && got != want {
			t.Errorf("%s has %q, want %q", name, got, want)
		}
		if ends[i] != nil && strings.Contains(shown, name) {
			t.Errorf("the terminal shows what is for %s: %q", name, shown)
		}
	}
	for i, f := range files {
		if kind[i] == "file" || i == 0 && kind[i] == "pipe" {
			f.Close()
		}
	}
}
