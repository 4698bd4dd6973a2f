package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"terem/internal/machine"
)

// makeTar writes a tar; entries without a type are files that contain their name.
func makeTar(t *testing.T, dir string, list ...tar.Header) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, h := range list {
		body := ""
		if h.Typeflag == 0 {
			h.Typeflag, body = tar.TypeReg, h.Name
			h.Size = int64(len(body))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "a.tar.gz")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFromTar(t *testing.T) {
	needTools(t)
	dir := t.TempDir()
	when := time.Unix(1_600_000_000, 0)
	capability := "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	source := makeTar(t, dir,
		tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755, Uid: 5, Gid: 6},
		tar.Header{Name: "bin", Typeflag: tar.TypeSymlink, Linkname: "usr/bin", Uid: 7},
		tar.Header{Name: "usr/bin/", Typeflag: tar.TypeDir, Mode: 0o750, Uid: 1000, Gid: 100, ModTime: when},
		tar.Header{Name: "bin/su", Mode: 0o4755, ModTime: when},
		tar.Header{Name: "usr/bin/ping", Mode: 0o755, PAXRecords: map[string]string{xattrPrefix + "security.capability": capability}},
		tar.Header{Name: "usr/bin/hard", Typeflag: tar.TypeLink, Linkname: "./usr/bin/ping"},
		tar.Header{Name: "secret", Mode: 0, Uid: 70000, Gid: 80000},
		tar.Header{Name: `we"ird na'me \n $x <8>`, Mode: 0o600, Uid: 9},
		tar.Header{Name: "dev/null", Typeflag: tar.TypeChar, Mode: 0o666, Devmajor: 1, Devminor: 3},
		tar.Header{Name: "dev/loop300", Typeflag: tar.TypeBlock, Mode: 0o660, Devmajor: 7, Devminor: 300, Gid: 6},
		tar.Header{Name: "run/fifo", Typeflag: tar.TypeFifo, Mode: 0o600, Uid: 3},
		tar.Header{Name: "twice", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
		tar.Header{Name: "twice", Mode: 0o640, Uid: 4},
		tar.Header{Name: "../../up", Mode: 0o600},
	)
	path := filepath.Join(dir, "img")
	if err := (&FromDir{Source: source, Path: path}).Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	onlyFiles(t, dir, "a.tar.gz", "img")
	for request, want := range map[string][]string{
		"stat /":                          {"Mode:  0755", "User:     5   Group:     6"},
		"stat /bin":                       {"Type: symlink", "User:     7", `"usr/bin"`},
		"stat /usr":                       {"Mode:  0755", "User:     0   Group:     0"},
		"stat /usr/bin":                   {"Mode:  0750", "User:  1000   Group:   100", "2020"},
		"stat /usr/bin/su":                {"Mode:  04755", "User:     0", "2020"},
		"stat /usr/bin/hard":              {"Links: 2", "security.capability (20)"},
		"cat /usr/bin/hard":               {"usr/bin/ping"},
		"stat /secret":                    {"Mode:  0000", "User: 70000   Group: 80000"},
		"cat /secret":                     {"secret"},
		"stat /dev/null":                  {"character special", "Mode:  0666", "01:03"},
		"stat /dev/loop300":               {"block special", "Group:     6", "300"},
		"stat /run/fifo":                  {"FIFO", "User:     3"},
		"stat /twice":                     {"regular", "Mode:  0640", "User:     4"},
		"cat /up":                         {"../../up"},
		`stat "/we""ird na'me \n $x <8>"`: {"User:     9"},
	} {
		out := debugfs(t, path, request)
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: no %q in %s", request, w, out)
			}
		}
	}
	if r, err := Check(t.Context(), path); err != nil || len(r.Problems) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestHostileTar: nothing gets out of the directory, and nothing is left.
func TestHostileTar(t *testing.T) {
	needTools(t)
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside")
	for name, list := range map[string][]tar.Header{
		"escapes":         {{Name: "link", Typeflag: tar.TypeSymlink, Linkname: filepath.Dir(outside)}, {Name: "link/outside"}},
		"escapes by dots": {{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "../../../../../../../.." + filepath.Dir(outside)}, {Name: "link/outside"}},
		"link to outside": {{Name: "x", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}},
		"line break":      {{Name: "a\nsif / mode 0"}},
		"below a file":    {{Name: "a"}, {Name: "a/b"}},
		"file as root":    {{Name: "."}},
		"full directory":  {{Name: "a/b"}, {Name: "a"}},
		"attribute":       {{Name: "a", PAXRecords: map[string]string{xattrPrefix + "user.a\nquit": "x"}}},
	} {
		t.Run(name, func(t *testing.T) {
			source := makeTar(t, dir, list...)
			err := (&FromDir{Source: source, Path: filepath.Join(dir, "img")}).Make(t.Context())
			wantError(t, err, machine.Usage, source, "the tar cannot be used")
			onlyFiles(t, dir, "a.tar.gz")
			if exists(outside) {
				t.Fatal("a file got out")
			}
		})
	}
	source := makeTar(t, dir, tar.Header{Name: "a"}, tar.Header{Name: "b"})
	b, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(source, b[:len(b)-20], 0o600); err != nil {
		t.Fatal(err)
	}
	err = (&FromDir{Source: source, Path: filepath.Join(dir, "img")}).Make(t.Context())
	wantError(t, err, machine.Usage, "the tar cannot be used", "unexpected EOF")
	onlyFiles(t, dir, "a.tar.gz")
}
