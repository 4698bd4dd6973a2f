package carry

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"terem/internal/fault"
)

func TestParsePlace(t *testing.T) {
	for s, want := range map[string]Place{
		"web:/etc/passwd": {"web", "/etc/passwd"}, "web:": {"web", ""}, "a": {"", "a"}, "./a:b": {"", "./a:b"}, "/a:b": {"", "/a:b"},
		"-": {"", "-"}, ":x": {"", ":x"}, "web:a:b": {"web", "a:b"},
	} {
		if got := ParsePlace(s); got != want {
			t.Errorf("%q: %+v, want %+v", s, got, want)
		}
	}
	for _, tt := range [][2]string{{"a", "b"}, {"web:a", "web:b"}, {"web:", "b"}, {"", "web:b"}} {
		if err := Copy(ParsePlace(tt[0]), ParsePlace(tt[1]), Streams{}); fault.Status(err) != fault.StatusUsage {
			t.Errorf("%q: %v", tt, err)
		}
	}
}

type entry struct {
	name, body string
	kind       byte
	link       string
	mode       int64
}

func archive(t testing.TB, list ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range list {
		if e.kind == 0 {
			e.kind = tar.TypeReg
		}
		if err := w.WriteHeader(&tar.Header{Name: e.name, Typeflag: e.kind, Linkname: e.link, Mode: e.mode | 0o600, Size: int64(len(e.body)), ModTime: time.Unix(1000, 0)}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tree lists what is below a directory: "a/b=content", "d/", "l>target".
func tree(t testing.TB, dir string) string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		switch {
		case d.IsDir():
			rel += "/"
		case d.Type() == fs.ModeSymlink:
			to, _ := os.Readlink(p)
			rel += ">" + to
		default:
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			rel += "=" + string(b)
		}
		list = append(list, rel)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(list, " ")
}

// TestRoundTrip: what pack takes comes out of unpack as it was, under another name.
func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	from := filepath.Join(dir, "from")
	if err := os.MkdirAll(filepath.Join(from, "d", "e"), 0o755); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("n", 200)
	for name, mode := range map[string]os.FileMode{"d/x": 0o755, "y": 0o640, "d/e/" + long: 0o600} {
		if err := os.WriteFile(filepath.Join(from, name), []byte(name[:1]), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(from, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../nowhere", filepath.Join(from, "l")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(from, "d", "e"), 0o500); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := pack(&b, from, "base", func(s string) { t.Error(s) }); err != nil {
		t.Fatal(err)
	}
	const prefix, prefixEnd = 345, 500 // of a ustar header, in bytes: what a simple tar puts before the name
	if first := b.Bytes()[prefix:prefixEnd]; !bytes.Equal(first, make([]byte, len(first))) {
		t.Errorf("a header that not every tar reads: %q", first)
	}
	for _, existing := range []bool{false, true} {
		to := filepath.Join(dir, "to")
		if err := unpack(bytes.NewReader(b.Bytes()), "base", to, func(s string) { t.Error(s) }); err != nil {
			t.Fatal(err)
		}
		if existing {
			to = filepath.Join(to, "base") // a directory that is there gets it within
		}
		if got, want := tree(t, to), "d/ d/e/ d/e/"+long+"=d d/x=d l>../nowhere y=y"; got != want {
			t.Errorf("%s: %s, want %s", to, got, want)
		}
		if st, err := os.Stat(filepath.Join(to, "d", "e")); err != nil || st.Mode().Perm() != 0o500 {
			t.Errorf("mode %v, %v", st.Mode(), err)
		}
		if !existing {
			if err := os.Chmod(filepath.Join(to, "d", "e"), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestHostile: whatever a guest sends, nothing outside of the target is touched, and the error is one line.
func TestHostile(t *testing.T) {
	for name, tt := range map[string]struct {
		list []entry
		want string // what is in the target's directory then; "*": anything
	}{
		"up":              {[]entry{{name: "base/", kind: tar.TypeDir}, {name: "base/../../out", body: "x"}}, "*"},
		"absolute":        {[]entry{{name: "base/", kind: tar.TypeDir}, {name: "/out", body: "x"}}, "*"},
		"another":         {[]entry{{name: "base/", kind: tar.TypeDir}, {name: "out", body: "x"}}, "*"},
		"through a link":  {[]entry{{name: "base/", kind: tar.TypeDir}, {name: "base/l", kind: tar.TypeSymlink, link: "../.."}, {name: "base/l/out", body: "x"}}, "*"},
		"absolute link":   {[]entry{{name: "base/", kind: tar.TypeDir}, {name: "base/l", kind: tar.TypeSymlink, link: "/OUT"}, {name: "base/l/out", body: "x"}}, "*"},
		"over a link":     {[]entry{{name: "base/", kind: tar.TypeDir}, {name: "base/l", kind: tar.TypeSymlink, link: "../secret"}, {name: "base/l", body: "x"}}, "*"},
		"link to secret":  {[]entry{{name: "base/", kind: tar.TypeDir}, {name: "base/l", kind: tar.TypeLink, link: "base/../../secret"}}, "*"},
		"link by a link":  {[]entry{{name: "base/", kind: tar.TypeDir}, {name: "base/s", kind: tar.TypeSymlink, link: "../secret"}, {name: "base/h", kind: tar.TypeLink, link: "base/s"}, {name: "base/h", body: "x"}}, "*"},
		"device":          {[]entry{{name: "base", kind: tar.TypeBlock}}, ""},
		"fifo":            {[]entry{{name: "base/", kind: tar.TypeDir}, {name: "base/f", kind: tar.TypeFifo}}, "to/"},
		"two for one":     {[]entry{{name: "base", body: "a"}, {name: "base2", body: "b"}}, "to=a"},
		"nothing":         {nil, ""},
		"set-user-ID":     {[]entry{{name: "base", body: "a", mode: 0o4777}}, "to=a"},
		"directory later": {[]entry{{name: "base", body: "a"}, {name: "base/x", body: "b"}}, "to=a"},
	} {
		t.Run(name, func(t *testing.T) {
			above := t.TempDir()
			if err := os.WriteFile(filepath.Join(above, "secret"), []byte("s"), 0o600); err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(above, "in")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			err := unpack(bytes.NewReader(archive(t, tt.list...)), "base", filepath.Join(dir, "to"), func(string) {})
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("more than a line: %v", err)
			}
			if got := tree(t, dir); tt.want != "*" && got != tt.want {
				t.Errorf("%s, %v; want %s", got, err, tt.want)
			}
			if b, err := os.ReadFile(filepath.Join(above, "secret")); err != nil || string(b) != "s" {
				t.Errorf("the secret is %q, %v", b, err)
			}
			list, err := os.ReadDir(above)
			if err != nil || len(list) != 2 {
				t.Errorf("outside: %v, %v", list, err)
			}
			if st, err := os.Stat(filepath.Join(dir, "to")); err == nil && st.Mode()&(fs.ModeSetuid|fs.ModeDevice|fs.ModeNamedPipe) != 0 {
				t.Errorf("mode %v", st.Mode())
			}
		})
	}
}

// FuzzUnpack: no archive reaches out of its directory.
func FuzzUnpack(f *testing.F) {
	f.Add(archive(f, entry{name: "base/", kind: tar.TypeDir}, entry{name: "base/a", body: "x"}, entry{name: "base/l", kind: tar.TypeSymlink, link: ".."}))
	f.Add(archive(f, entry{name: "base", body: "x"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		above := t.TempDir()
		dir := filepath.Join(above, "in", "to")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		_ = unpack(bytes.NewReader(b), "base", dir, func(string) {}) // most are none
		for _, d := range []string{above, filepath.Dir(dir)} {
			if list, err := os.ReadDir(d); err != nil || len(list) != 1 {
				t.Errorf("outside: %v, %v", list, err)
			}
		}
	})
}

// TestSaid: what a guest's program says becomes one line that does nothing to a terminal.
func TestSaid(t *testing.T) {
	for text, want := range map[string]string{
		"": "otherwise", "tar: x: No such file\n": "x: No such file", "a\nb\n": "b", "\x1b[2J\xff\n": "[2J", "tar: \u009b2J\u202ex": "2Jx", strings.Repeat("y", 5000): strings.Repeat("y", saidMost),
	} {
		l := &last{}
		if _, err := l.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if got := l.line("otherwise"); got != want {
			t.Errorf("%.20q: %.40q, want %.40q", text, got, want)
		}
	}
}

func TestSplit(t *testing.T) {
	for p, want := range map[string][2]string{
		"/etc/passwd": {"/etc", "passwd"}, "/etc/": {"/", "etc"}, "/": {"/", "."}, "/etc/.": {"/etc", "."}, "x": {".", "x"}, ".": {".", "."}, "/a/..": {"/", "."}, "..": {"..", "."},
	} {
		if dir, base := split(p); dir != want[0] || base != want[1] {
			t.Errorf("%q: %q, %q; want %q", p, dir, base, want)
		}
	}
}
