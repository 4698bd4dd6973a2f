package snapshot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"terem/memory"
)

func usedBytes(t testing.TB, path string) int64 {
	t.Helper()
	var st unix.Stat_t
	mustDo(t, unix.Stat(path, &st))
	return st.Blocks * 512
}

// copyOf is a snapshot of its own, as cp makes one: with another inode.
func copyOf(t testing.TB, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	mustDo(t, os.CopyFS(to, os.DirFS(dir)))
	return to
}

func snapshotOf(t testing.TB, pages int) string {
	t.Helper()
	g := newGuest(t, uint64(pages)*memory.PageSize)
	scatter(g, 9)
	dir := filepath.Join(t.TempDir(), "snap")
	take(t, dir, false, g, someState())
	return dir
}

// patch writes to a file, after a tick of the clock that kernels before 6.13 stamp files with.
func patch(t testing.TB, path string, off int64, b ...byte) {
	t.Helper()
	time.Sleep(20 * time.Millisecond)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	mustDo(t, err)
	_, err = f.WriteAt(b, off)
	mustDo(t, err, f.Close())
}

// reseal writes a state that somebody made up, with the right sum.
func reseal(t testing.TB, dir, text string) {
	t.Helper()
	text += fmt.Sprintf(seal, crc32.Checksum([]byte(text), castagnoli()))
	mustDo(t, os.WriteFile(dir+"/state", []byte(text), 0o600))
}

func stateText(t testing.TB, dir string) string {
	t.Helper()
	b, err := os.ReadFile(dir + "/state")
	mustDo(t, err)
	return string(b[:len(b)-sealSize])
}

// TestOpenRefuses damages a snapshot in many ways. Each is one line that names what is wrong.
func TestOpenRefuses(t *testing.T) {
	whole := snapshotOf(t, 2*chunkPages+3)
	edit := func(from, to string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			text := stateText(t, dir)
			if !strings.Contains(text, from) {
				t.Fatalf("no %s in %s", from, text)
			}
			reseal(t, dir, strings.Replace(text, from, to, 1))
		}
	}
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, dir string)
		words string
	}{
		{"no state", func(t *testing.T, dir string) { mustDo(t, os.Remove(dir+"/state")) }, "it is not a snapshot: state: no such file"},
		{"no memory", func(t *testing.T, dir string) { mustDo(t, os.Remove(dir+"/memory")) }, "it is not a snapshot: memory: no such file"},
		{"another's state", func(t *testing.T, dir string) { mustDo(t, os.WriteFile(dir+"/state", []byte("hello\n"), 0o600)) }, "state is not what terem writes"},
		{"empty state", func(t *testing.T, dir string) { mustDo(t, os.Truncate(dir+"/state", 0)) }, "state is not what terem writes"},
		{"state cut short", func(t *testing.T, dir string) { mustDo(t, os.Truncate(dir+"/state", 200)) }, "state is damaged or cut short; make it anew"},
		{"state flipped", func(t *testing.T, dir string) { patch(t, dir+"/state", 33, 0xff) }, "state is damaged"},
		{"state's sum flipped", func(t *testing.T, dir string) {
			patch(t, dir+"/state", int64(len(stateText(t, dir))+13), 'x')
		}, "state is damaged"},
		{"state too large", func(t *testing.T, dir string) { mustDo(t, os.Truncate(dir+"/state", 1<<40)) }, "state has more than 67108864 bytes"},
		{"newer", edit(`{"Version":1,`, `{"Version":3,"Novel":{},`), "it has version 3, and this terem knows versions 1 and 2; take the terem that made it, or a newer one"},
		{"a diff without a parent", edit(`{"Version":1,`, `{"Version":2,`), "state has version 2, and its parent does not go with that"},
		{"pages without a parent", edit(`"Memory":{`, `"Memory":{"Pages":"1+2",`), "state has a list of pages, and no parent"},
		{"older", edit(`{"Version":1,`, `{"Version":0,`), "it has version 0"},
		{"unknown field", edit(`"Made":{`, `"Made":{"Novel":1,`), "unknown field"},
		{"two states", edit(`{"Version":1,`, `{"Version":1}{"Version":1,`), "something follows the state"},
		{"three lines", edit("{\"a\":1}\n", ""), "state has 3 lines, not 4"},
		{"five lines", edit("{\"a\":1}\n", "1\n2\n"), "state has 5 lines, not 4"},
		{"no region", edit(`[{"Addr":0,"Size":4206592}]`, `[]`), "bad regions of guest memory: there are none"},
		{"odd region", edit(`"Addr":0`, `"Addr":5`), "bad regions of guest memory"},
		{"region wraps", edit(`"Addr":0`, `"Addr":18446744073709547520`), "bad regions of guest memory"},
		{"overlap", edit(`"Regions":[`, `"Regions":[{"Addr":0,"Size":8192},`), "bad regions of guest memory"},
		{"huge", edit(`"Size":4206592`, `"Size":70368744177664`), "state has the sums of 3 chunks"},
		{"more sums", edit(`"Sums":"`, `"Sums":"00000000`), "state has the sums of 4 chunks; 4206592 bytes of memory have 3"},
		{"no sum", edit(`"Sums":"`, `"Sums":"zz`), "sums of chunks are not of 8 digits"},
		{"no digits", edit(`"Sums":"`, `"Sums":"-0000001`), "sums of chunks: encoding/hex: invalid byte"},
		{"memory cut short", func(t *testing.T, dir string) { mustDo(t, os.Truncate(dir+"/memory", 4096)) }, "memory has 4096 bytes, not 4206592; make it anew"},
		{"memory longer", func(t *testing.T, dir string) { mustDo(t, os.Truncate(dir+"/memory", 8<<20)) }, "memory has 8388608 bytes, not 4206592"},
		{"memory flipped", func(t *testing.T, dir string) { patch(t, dir+"/memory", ChunkSize+77, 1, 2, 3) },
			"memory is damaged in the 2097152 bytes at offset 0x200000, which are at 0x200000 in the guest; make it anew"},
		{"two chunks flipped", func(t *testing.T, dir string) {
			patch(t, dir+"/memory", ChunkSize+77, 1, 2, 3)
			patch(t, dir+"/memory", 77, 1, 2, 3)
		}, "bytes at offset 0x0, which are at 0x0 in the guest"},
		{"last chunk flipped", func(t *testing.T, dir string) { patch(t, dir+"/memory", 2*ChunkSize+7, 1, 2, 3) }, "in the 12288 bytes at offset 0x400000"},
		{"memory all holes", func(t *testing.T, dir string) {
			mustDo(t, os.Truncate(dir+"/memory", 0), os.Truncate(dir+"/memory", 4206592))
		}, "memory is damaged in the 2097152 bytes at offset 0x0"},
		{"state a link", func(t *testing.T, dir string) {
			mustDo(t, os.Rename(dir+"/state", dir+"/other"), os.Symlink("other", dir+"/state"))
		}, "state is a symbolic link"},
		{"memory a link", func(t *testing.T, dir string) {
			mustDo(t, os.Rename(dir+"/memory", dir+"/other"), os.Symlink("other", dir+"/memory"))
		}, "memory is a symbolic link"},
		{"state a pipe", func(t *testing.T, dir string) { mustDo(t, os.Remove(dir+"/state"), unix.Mkfifo(dir+"/state", 0o600)) }, "state is no regular file"},
		{"memory a directory", func(t *testing.T, dir string) { mustDo(t, os.Remove(dir+"/memory"), os.Mkdir(dir+"/memory", 0o700)) }, "memory is no regular file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := copyOf(t, whole)
			c.spoil(t, dir)
			s, err := Open(dir)
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			wantLine(t, err, "snapshot "+dir+": ", c.words)
		})
	}
	for dir, words := range map[string]string{whole + "/none": "no such file or directory; name a directory that", whole + "/state": "not a directory; name a directory that"} {
		_, err := Open(dir)
		wantLine(t, err, "snapshot "+dir+": ", words)
	}
}

// TestIdentity: a file that nobody wrote to is not read when it is opened, a copy is.
func TestIdentity(t *testing.T) {
	dir := snapshotOf(t, 2*chunkPages)
	s := mustOpen(t, dir)
	if id, err := identify(s.memory); err != nil || id != s.Memory.File {
		t.Errorf("%+v, %v, want %+v", id, err, s.Memory.File)
	}
	moved := dir + "-moved"
	mustDo(t, os.Rename(dir, moved))
	if id, err := identify(mustOpen(t, moved).memory); err != nil || id != s.Memory.File {
		t.Error("moved, it is another")
	}
	if id, err := identify(mustOpen(t, copyOf(t, moved)).memory); err != nil || id == s.Memory.File {
		t.Error("a copy is taken for the original")
	}
	patch(t, moved+"/memory", 5, 1)
	_, err := Open(moved)
	wantLine(t, err, "memory is damaged")
	if err := s.Verify(t.Context()); err == nil {
		t.Error("an open snapshot whose file was written to is verified")
	}
	mustDo(t, os.Truncate(moved+"/memory", 0))
	wantLine(t, s.Verify(t.Context()), "memory has 0 bytes")
}

func TestVerifyCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := mustOpen(t, snapshotOf(t, 1)).Verify(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestReplacedWhileOpened opens a snapshot all the time while it is replaced.
func TestReplacedWhileOpened(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "snap")
	g := newGuest(t, 4*memory.PageSize)
	put := func(n byte) {
		mustDo(t, g.Store8(0, n))
		s := someState()
		s.Machine = json.RawMessage(fmt.Sprint(n))
		take(t, dir, true, g, s)
	}
	put(1)
	stop, done := make(chan bool), make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := openAndCompare(dir); err != nil {
				done <- err
				<-stop
				return
			}
		}
	}()
	times := byte(100)
	if testing.Short() {
		times = 20
	}
	for n := range times {
		put(n + 1)
	}
	close(stop)
	mustDo(t, <-done)
}

// openAndCompare finds state and memory of one snapshot, not of two: the first byte of RAM is the machine.
func openAndCompare(dir string) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	b := make([]byte, 1)
	_, err = s.MemoryFile().ReadAt(b, 0)
	if fmt.Sprint(b[0]) != string(s.Machine) {
		err = errors.Join(err, fmt.Errorf("memory of %d, state of %s", b[0], s.Machine))
	}
	return errors.Join(err, s.Verify(context.Background()), s.Close())
}

// TestDescriptors: whatever happens, none is left open.
func TestDescriptors(t *testing.T) {
	before := names(t, "/proc/self/fd")
	dir := filepath.Join(t.TempDir(), "snap")
	g := newGuest(t, memory.PageSize)
	take(t, dir, false, g, someState())
	take(t, dir, true, g, someState())
	for _, replace := range []bool{false, true} {
		if w, err := Create(dir, replace); err == nil {
			mustDo(t, w.Abort())
		}
	}
	s, err := Open(dir)
	mustDo(t, err, s.Verify(t.Context()))
	restored, err := s.Guest()
	mustDo(t, err, s.Close())
	take(t, dir, true, restored, someState())
	mustDo(t, restored.Close())
	patch(t, dir+"/memory", 0, 1)
	if _, err := Open(dir); err == nil {
		t.Error("opened")
	}
	if after := names(t, "/proc/self/fd"); after != before {
		t.Errorf("descriptors %s, and before %s", after, before)
	}
}

// TestStateIsJSON: tools for JSON read the file.
func TestStateIsJSON(t *testing.T) {
	b, err := os.ReadFile(snapshotOf(t, 1) + "/state")
	mustDo(t, err)
	d := json.NewDecoder(bytes.NewReader(b))
	var lines []map[string]any
	for d.More() {
		var v map[string]any
		mustDo(t, d.Decode(&v))
		lines = append(lines, v)
	}
	if len(lines) != 4 || lines[0]["Version"] != 1.0 || lines[1]["a"] != 1.0 || lines[2]["b"] == nil || lines[3]["CRC32C"] == "" {
		t.Errorf("%v", lines)
	}
}

// TestPermission opens a snapshot, and makes one, as somebody else.
func TestPermission(t *testing.T) {
	dir := snapshotOf(t, 1)
	if os.Getuid() != 0 {
		mustDo(t, os.Chmod(dir, 0))
		defer os.Chmod(dir, 0o700)
	}
	done := make(chan [2]error)
	go func() {
		runtime.LockOSThread() // which ends with the goroutine, and its rights with it
		const nobody = 65534
		_ = unix.Setfsuid(nobody)
		_, opening := Open(dir)
		_, making := Create(dir+"/within", false)
		done <- [2]error{opening, making}
	}()
	errs := <-done
	wantLine(t, errs[0], "snapshot "+dir+": permission denied; it takes who made it, or root")
	wantLine(t, errs[1], "permission denied; name one in a directory that you may write to")
}
