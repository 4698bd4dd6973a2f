package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/fault"
	"terem/internal/vm/disk/ext4"
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
		tar.Header{Name: "usr/bin/ping", Mode: 0o755, PAXRecords: map[string]string{recordXattr + "security.capability": capability}},
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
		"link to outside": {{Name: "x", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}},
		"link by a link":  {{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "/etc"}, {Name: "x", Typeflag: tar.TypeLink, Linkname: "l/passwd"}},
		"ends in dots":    {{Name: "a/.."}},
		"link loop":       {{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "b"}, {Name: "b", Typeflag: tar.TypeSymlink, Linkname: "a"}, {Name: "a/x"}},
		"too deep":        {{Name: strings.Repeat("d/", 2100) + "d"}},
		"below a file":    {{Name: "a"}, {Name: "a/b"}},
		"file as root":    {{Name: "."}},
		"full directory":  {{Name: "a/b"}, {Name: "a"}},
		"attribute":       {{Name: "a", PAXRecords: map[string]string{recordXattr + "other.a": "x"}}},
		"acl":             {{Name: "a", PAXRecords: map[string]string{recordACL + "access": "user:joe:rwx"}}},
		"nfs acl":         {{Name: "a", PAXRecords: map[string]string{recordACL + "ace": "user:joe:rwx"}}},
		"flags":           {{Name: "a", PAXRecords: map[string]string{recordFlags: "schg,odd"}}},
		"kind":            {{Name: "a", Typeflag: 'M'}},
		"global":          {{Typeflag: tar.TypeXGlobalHeader, Name: "a", PAXRecords: map[string]string{"mtime": "1"}}},
		"year 3000":       {{Name: "a", ModTime: time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC), Format: tar.FormatPAX}},
		"owner":           {{Name: "a", Uid: 1 << 32, Format: tar.FormatPAX}},
		"long name":       {{Name: strings.Repeat("n", 256)}},
	} {
		t.Run(name, func(t *testing.T) {
			source := makeTar(t, dir, list...)
			err := (&FromDir{Source: source, Path: filepath.Join(dir, "img")}).Make(t.Context())
			wantError(t, err, fault.Usage, source, "the tar cannot be used")
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
	wantError(t, err, fault.Usage, "the tar cannot be used", "cut short", "get it again")
	onlyFiles(t, dir, "a.tar.gz")
}

// TestLongLink: a way is no longer than a path can be, however many links it has.
func TestLongLink(t *testing.T) {
	tr := newTree()
	must(t, tr.put("a", &ext4.Node{Mode: unix.S_IFLNK, Target: strings.Repeat("./", unix.PathMax/2)}))
	if _, err := tr.enter([]string{"a"}, false); !errors.Is(err, unix.ENAMETOOLONG) {
		t.Error(err)
	}
}

// TestInterrupted: whatever it waits for, it can be called off, and leaves nothing.
func TestInterrupted(t *testing.T) {
	needTools(t)
	dir := t.TempDir()
	nobody, silent, tree := dir+"/nobody", dir+"/silent", dir+"/tree"
	must(t, unix.Mkfifo(nobody, 0o600), unix.Mkfifo(silent, 0o600), os.Mkdir(tree, 0o700), os.WriteFile(tree+"/file", nil, 0o600))
	writer, err := os.OpenFile(silent, os.O_RDWR, 0)
	must(t, err)
	defer writer.Close()
	_, err = writer.Write(rawEntry('0', "a", []byte("text"), nil)[:700])
	must(t, err)
	for _, source := range []string{nobody, silent, tree} {
		ctx, cancel := context.WithCancel(t.Context())
		if source == tree {
			cancel()
		}
		time.AfterFunc(50*time.Millisecond, cancel)
		done := make(chan error, 1)
		go func() { done <- (&FromDir{Source: source, Path: dir + "/img"}).Make(ctx) }()
		select {
		case err := <-done:
			wantError(t, err, fault.Host, "interrupted")
		case <-time.After(time.Minute):
			t.Fatalf("%s: it waits on", source)
		}
		cancel()
		onlyFiles(t, dir, "nobody", "silent", "tree")
	}
}

// TestTarLinks: names go through links as they would in the image's own system.
func TestTarLinks(t *testing.T) {
	needTools(t)
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside")
	link := func(name, target string) tar.Header {
		return tar.Header{Name: name, Typeflag: tar.TypeSymlink, Linkname: target}
	}
	source := makeTar(t, dir,
		link("var/run", "/run"), tar.Header{Name: "var/run/x"}, // /run comes with it
		link("up", "../../../.."+filepath.Dir(outside)), tar.Header{Name: "up/outside"},
		link("lib", "usr/lib"), tar.Header{Name: "usr/lib/", Typeflag: tar.TypeDir, Mode: 0o700}, tar.Header{Name: "lib/so"},
		link("a/b/c", "../.././d"), tar.Header{Name: "a/b/c/e"}, tar.Header{Name: "a/b/c/../f"},
		tar.Header{Name: "hard", Typeflag: tar.TypeLink, Linkname: "lib/so"}, tar.Header{Name: "lib/so", Typeflag: tar.TypeLink, Linkname: "hard"},
		tar.Header{Name: "toself", Typeflag: tar.TypeLink, Linkname: "lib/so"}, tar.Header{Name: "toself", Typeflag: tar.TypeLink, Linkname: "./toself"},
		link("link", "lib/so"), tar.Header{Name: "hardlink", Typeflag: tar.TypeLink, Linkname: "link"},
		link("dir", "lib"), tar.Header{Name: "dir/", Typeflag: tar.TypeDir, Mode: 0o711}, // replaced, as GNU tar does
		tar.Header{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755}, tar.Header{Name: "etc/x"}, tar.Header{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o750, Uid: 3},
	)
	path := filepath.Join(dir, "img")
	must(t, (&FromDir{Source: source, Path: path, Size: 16 << 20}).Make(t.Context()))
	for request, want := range map[string]string{
		"cat /run/x": "var/run/x", "cat " + outside: "up/outside", "cat /usr/lib/so": "lib/so", "cat /d/e": "a/b/c/e", "cat /f": "a/b/c/../f",
		"stat /toself": "Links: 3", "stat /hardlink": "Type: symlink", "stat /dir": "Mode:  0711", "stat /etc": "Mode:  0750", "cat /etc/x": "etc/x",
		"stat /usr/lib": "Mode:  0700", "stat /run": "Mode:  0755",
	} {
		if out := debugfs(t, path, request); !strings.Contains(out, want) {
			t.Errorf("%s: no %q in %s", request, want, out)
		}
	}
	if exists(outside) {
		t.Error("a file got out")
	}
}

// TestTarRecords: what pax records of several programs say of a file.
func TestTarRecords(t *testing.T) {
	needTools(t)
	dir := t.TempDir()
	source := makeTar(t, dir,
		tar.Header{Name: "flags", PAXRecords: map[string]string{recordFlags: "nodump,schg"}},
		tar.Header{Name: "acl", PAXRecords: map[string]string{recordACL + "access": "user::rw-\nuser:etc:r--\nuser:joe:-w-:9\ngroup::r--\ngroup:5:--x #effective:---\nmask::rwx\nother::---"}},
		tar.Header{Name: "plain", PAXRecords: map[string]string{recordACL + "access": "user::rw-,group::r--,other::r--"}},
		tar.Header{Name: "d/", Typeflag: tar.TypeDir, PAXRecords: map[string]string{recordACL + "default": "default:user::rwx,group::r-x,other:---"}},
		tar.Header{Name: "arch", PAXRecords: map[string]string{"LIBARCHIVE.xattr.user.a%20b": "AAE", "LIBARCHIVE.creationtime": "-1.25"}},
		tar.Header{Name: "label", PAXRecords: map[string]string{recordSELinux: "system_u:object_r:etc_t:s0", recordXattr + "user.x%3D%25y": "1"}},
		tar.Header{Name: "dev", Typeflag: tar.TypeBlock, PAXRecords: map[string]string{recordMajor: "259", recordMinor: "1048575"}},
		tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "a commit"}},
		tar.Header{Name: "times", ModTime: time.Unix(4102488000, 5), AccessTime: time.Unix(-7, 0), ChangeTime: time.Unix(9, 9), Format: tar.FormatPAX},
	)
	// A file of accounts says which number a name has.
	b := readGzip(t, source)
	plain := filepath.Join(dir, "a.tar")
	must(t, os.WriteFile(plain, append(b[:len(b)-1024], append(rawEntry('0', "etc/passwd", []byte("root:x:0:0\netc:x:7:7::/:\n"), nil), make([]byte, 1024)...)...), 0o600))
	path := filepath.Join(dir, "img")
	must(t, (&FromDir{Source: plain, Path: path, Size: 16 << 20}).Make(t.Context()))
	for request, want := range map[string][]string{
		"ea_get /acl system.posix_acl_access": {"= 02 00 00 00 01 00 06 00 00 00 00 00 02 00 04 00 07 00 00 00 02 00 02 00 09 00 00 00 04 00 04 00 00 00 00 00 " +
			"08 00 01 00 05 00 00 00 10 00 07 00 00 00 00 00 20 00 00 00 00 00 00 00"},
		"stat /flags":                           {"Flags: 0x80050"},
		"ea_get /d system.posix_acl_default":    {"= 02 00 00 00 01 00 07 00 00 00 00 00 04 00 05 00 00 00 00 00 20 00 00 00 00 00 00 00"},
		`ea_get /arch "user.a b"`:               {"(2) = 00 01"},
		"stat /arch":                            {"crtime: 0xfffffffe:b2d05e00"},
		"ea_get /label security.selinux":        {"(27)"},
		"ea_get /label user.x=%y":               {`"1"`},
		"stat /dev":                             {"259:1048575"},
		"stat /times":                           {"mtime: 0xf486ffc0:00000015", "atime: 0xfffffff9:00000000", "ctime: 0x00000009:00000024"},
		"ea_get /plain system.posix_acl_access": {"not found"},
	} {
		out := debugfs(t, path, request)
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: no %q in %s", request, w, out)
			}
		}
	}
}

func readGzip(t *testing.T, name string) []byte {
	t.Helper()
	f, err := os.Open(name)
	must(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	must(t, err)
	b, err := io.ReadAll(z)
	must(t, err)
	return b
}
