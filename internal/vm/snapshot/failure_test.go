package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"terem/memory"
)

// helperVar makes the test binary do what a test needs a process of its own for.
const helperVar = "TEREM_TEST_HELPER"

func TestMain(m *testing.M) {
	helpers := map[string]func(dir string) error{"loop": helpLoop, "diffs": helpDiffs, "space": helpSpace, "limit": helpLimit, "power": helpPower}
	if f := helpers[os.Getenv(helperVar)]; f != nil {
		if err := f(os.Args[1]); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func helper(name string, args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), helperVar+"="+name, "GORACE=atexit_sleep_ms=0")
	return c
}

const (
	loopPages = 2*chunkPages + 7
	stride    = 90
)

// helpLoop makes snapshots for ever, each of another number, which is in the state and in some pages.
func helpLoop(dir string) error {
	g, err := memory.New(loopPages * memory.PageSize)
	if err != nil {
		return err
	}
	for n := uint64(1); ; n++ {
		if err := putNumber(g, n); err != nil {
			return err
		}
		if err := takeNumber(dir, g, n); err != nil {
			return err
		}
		if _, err := fmt.Println(n); err != nil {
			return err
		}
	}
}

// putNumber writes a number into some pages.
func putNumber(g *memory.Guest, n uint64) error {
	for page := memory.Addr(0); page < loopPages; page += stride {
		if err := g.Store64(page*memory.PageSize, n); err != nil {
			return err
		}
	}
	return nil
}

// helpDiffs makes diffs for ever, of the snapshot beside them.
func helpDiffs(dir string) error {
	base, err := Open(filepath.Join(filepath.Dir(dir), "base"))
	if err != nil {
		return err
	}
	g, err := base.Guest()
	if err != nil {
		return err
	}
	for n := uint64(1); ; n++ {
		if err := putNumber(g, n); err != nil {
			return err
		}
		w, err := CreateDiff(dir, true, base)
		if err != nil {
			return err
		}
		if err := finishNumber(w, g, n); err != nil {
			return err
		}
		if _, err := fmt.Println(n); err != nil {
			return err
		}
	}
}

func takeNumber(dir string, g *memory.Guest, n uint64) error {
	w, err := Create(dir, true)
	if err != nil {
		return err
	}
	return finishNumber(w, g, n)
}

func finishNumber(w *Writer, g *memory.Guest, n uint64) error {
	s := someState()
	s.Machine = json.RawMessage(strconv.FormatUint(n, 10))
	if err := w.Memory(context.Background(), g); err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Commit(s)
}

// TestKill kills a writer again and again. There is always one whole snapshot, and the next writer clears what the last one left.
func TestKill(t *testing.T) {
	top := t.TempDir()
	take(t, filepath.Join(top, "snap"), false, newGuest(t, loopPages*memory.PageSize), State{Machine: json.RawMessage("0")})
	killing(t, "loop", top, "snap", 40)
}

// TestKillDiff does so with diffs, which replace each other. Their parent is never touched.
func TestKillDiff(t *testing.T) {
	top := t.TempDir()
	g := newGuest(t, loopPages*memory.PageSize)
	mustDo(t, putNumber(g, 7), takeNumber(filepath.Join(top, "base"), g, 7))
	base := mustOpen(t, filepath.Join(top, "base"))
	own, err := base.Guest()
	mustDo(t, err)
	w, err := CreateDiff(filepath.Join(top, "snap"), false, base)
	mustDo(t, err, putNumber(own, 0), finishNumber(w, own, 0), own.Close())
	killing(t, "diffs", top, "base snap", 15)
	n, err := numberOf(filepath.Join(top, "base"))
	if mustDo(t, err); n != 7 {
		t.Errorf("the parent is number %d", n)
	}
}

// killing has a helper write to snap in a directory which has some files before and after it.
func killing(t *testing.T, name, top, files string, kills int) {
	t.Helper()
	dir, most := filepath.Join(top, "snap"), len(strings.Fields(files))+1
	left := 0
	if testing.Short() {
		kills = 5
	}
	for range kills {
		killAfter(t, name, dir, time.Duration(rand.IntN(40_000))*time.Microsecond)
		_, err := numberOf(dir)
		mustDo(t, err)
		entries, err := os.ReadDir(top)
		if mustDo(t, err); len(entries) > most {
			t.Fatalf("left: %s", names(t, top))
		}
		left += len(entries) - most + 1
	}
	if left == 0 && !testing.Short() {
		t.Error("no writer was killed in the midst of it")
	}
	w, err := Create(dir, true)
	mustDo(t, err, w.Abort())
	if got := names(t, top); got != files {
		t.Errorf("left: %s", got)
	}
}

// killAfter kills a writer a while after its first snapshot.
func killAfter(t *testing.T, name, dir string, d time.Duration) {
	t.Helper()
	c := helper(name, dir)
	out, err := c.StdoutPipe()
	mustDo(t, err, c.Start())
	_, err = out.Read(make([]byte, 1))
	time.Sleep(d)
	mustDo(t, err, c.Process.Kill())
	_ = c.Wait() // killed
}

// numberOf opens a snapshot of helpLoop's. Memory and state must be of one number.
func numberOf(dir string) (uint64, error) {
	s, err := Open(dir)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	if err := s.Verify(context.Background()); err != nil {
		return 0, err
	}
	g, err := s.Guest()
	if err != nil {
		return 0, err
	}
	defer g.Close()
	want, err := strconv.ParseUint(string(s.Machine), 10, 64)
	for page := memory.Addr(0); page < loopPages && err == nil; page++ {
		n, e := g.Load64(page * memory.PageSize)
		if err = e; page%stride == 0 && n != want || page%stride != 0 && n != 0 {
			err = fmt.Errorf("page %d has number %d, the state %d", page, n, want)
		}
	}
	return want, err
}

// failing makes one snapshot and then, by spoil, others that fail. The first must stay as it is, and nothing else.
func failing(dir string, spoil func(g *memory.Guest) error) error {
	g, err := memory.New(ChunkSize)
	if err != nil {
		return err
	}
	if err := errors.Join(g.Store64(0, 1), takeNumber(dir, g, 1), spoil(g)); err != nil {
		return err
	}
	s, err := Open(dir)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Dir(dir))
	if len(entries) != 1 || string(s.Machine) != "1" {
		err = errors.Join(err, fmt.Errorf("%d entries, machine %s", len(entries), s.Machine))
	}
	return errors.Join(err, s.Verify(context.Background()))
}

// fails wants a snapshot to fail in these words.
func fails(dir string, g *memory.Guest, s State, words string) error {
	w, err := Create(dir, true)
	if err != nil {
		return err
	}
	if err = w.Memory(context.Background(), g); err == nil {
		err = w.Commit(s)
	}
	if err == nil || !strings.Contains(err.Error(), words) {
		return fmt.Errorf("%v, want %s", err, words)
	}
	return w.Abort()
}

// helpSpace has a file system of 2 MiB: no room for the memory, and then none for the state.
func helpSpace(dir string) error {
	return failing(dir, func(g *memory.Guest) error {
		const words = "make snapshot /mnt/snap: no space left on device; make room"
		large := someState()
		large.Machine = json.RawMessage(`"` + strings.Repeat("a", 3<<20) + `"`)
		if err := fails(dir, g, large, words); err != nil {
			return err
		}
		for page := memory.Addr(0); page < chunkPages; page++ {
			if err := g.Store64(page*memory.PageSize, 1); err != nil {
				return err
			}
		}
		return fails(dir, g, someState(), words)
	})
}

func TestNoSpace(t *testing.T) {
	const mount = `mount -t tmpfs -o size=2M none /mnt && exec "$@"`
	private := []string{"-m", "--propagation", "private"}
	if err := exec.Command("unshare", append(private, "mount", "-t", "tmpfs", "none", "/mnt")...).Run(); err != nil {
		t.Skipf("mounting needs root: %v", err)
	}
	h := helper("space", "/mnt/snap")
	c := exec.Command("unshare", append(append(private, "sh", "-c", mount, "sh"), h.Args...)...)
	c.Env = h.Env
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// helpLimit may not write files of more than 3 MiB.
func helpLimit(dir string) error {
	limit := unix.Rlimit{Cur: 3 << 20, Max: 3 << 20}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	return failing(dir, func(*memory.Guest) error {
		g, err := memory.New(2 * ChunkSize)
		if err != nil {
			return err
		}
		return errors.Join(fails(dir, g, someState(), "file too large; raise `ulimit -f`"), g.Close())
	})
}

func TestFileLimit(t *testing.T) {
	if out, err := helper("limit", filepath.Join(t.TempDir(), "snap")).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
