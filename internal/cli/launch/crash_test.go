package launch

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"terem/internal/kvmtest"
	"terem/internal/vm/disk"
	"terem/internal/vm/disk/image"
)

// What testdata/blocks.c writes.
const (
	crashSlots = 64
	crashBlock = 4096 // bytes
)

// crashRoundsVar is how many rounds TestKilled makes; `make test-crash` sets 50.
const crashRoundsVar = "TEREM_CRASH_ROUNDS"

// TestKilled kills terem while its guest writes and flushes numbered blocks to a file on
// its root disk. Whatever the guest's program has said to be flushed must be there
// afterwards, and the file system in order once its journal is replayed.
func TestKilled(t *testing.T) {
	kvmtest.Open(t)
	if testing.Short() {
		t.Skip("boots Linux: not in -short")
	}
	defaultCache(t)
	for _, tool := range []string{"go", "gcc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	rounds := 2
	if v := os.Getenv(crashRoundsVar); v != "" {
		var err error
		if rounds, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	terem, root, fresh := filepath.Join(dir, "terem"), busyboxRoot(t), filepath.Join(dir, "fresh.img")
	command(t, "go", "build", "-o", terem, "../../../cmd/terem")
	command(t, "gcc", "-O2", "-static", "-o", filepath.Join(root, "bin/blocks"), "testdata/blocks.c")
	order := image.FromDir{Source: root, Path: fresh, Size: 32 << 20}
	if err := order.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	ways := []string{"", ",overlay=" + filepath.Join(dir, "over"), ",cache=none", ",cache=writethrough"}
	for round := range rounds {
		way := ways[round%len(ways)]
		base := filepath.Join(dir, "base.img")
		command(t, "cp", "--sparse=always", fresh, base)
		_ = os.Remove(filepath.Join(dir, "over")) // there is one after the first round with it
		last := killedRun(t, terem, base+way, 1+rand.IntN(3*crashSlots))
		t.Logf("round %d, disk%s: killed after block %d", round, way, last)
		checkBlocks(t, base+way, last)
		if t.Failed() {
			return
		}
	}
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// killedRun kills terem once the guest has said n numbers, and a moment later: within
// whatever the guest does next. It returns the last number that was said.
func killedRun(t *testing.T, terem, spec string, n int) (last int64) {
	t.Helper()
	c := exec.Command(terem, "run", "--disk", spec, "--", "/bin/blocks")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	c.Stderr = &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(4*time.Minute, func() { _ = c.Process.Kill() }) // a guest that says nothing
	defer late.Stop()
	last = -1
	for said := bufio.NewReader(out); ; {
		line, err := said.ReadString('\n')
		if err != nil {
			break // the end, which may be within a line
		}
		v, err := strconv.ParseInt(strings.TrimSuffix(line, "\n"), 10, 64)
		if err != nil || v != last+1 {
			t.Errorf("after %d the guest says %q", last, line)
			break
		}
		last = v
		if last == int64(n) {
			time.AfterFunc(rand.N(20*time.Millisecond), func() { _ = c.Process.Kill() })
		}
	}
	_ = c.Process.Kill() // it may be dead
	var exit *exec.ExitError
	if err := c.Wait(); !errors.As(err, &exit) || last < int64(n) {
		t.Fatalf("terem: %v after block %d, before block %d; %s", err, last, n, stderr.String())
	}
	return last
}

// checkBlocks repairs a copy of the disk as a boot would, and looks at the file.
func checkBlocks(t *testing.T, spec string, last int64) {
	t.Helper()
	dir := t.TempDir()
	raw, file := filepath.Join(dir, "raw"), filepath.Join(dir, "blocks")
	copyDisk(t, spec, raw)
	out, err := exec.Command("/sbin/e2fsck", "-p", raw).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 1 { // 1: the journal was replayed
		t.Errorf("e2fsck -p: %v\n%s", err, out)
	}
	if out, err := exec.Command("/sbin/e2fsck", "-fn", raw).CombinedOutput(); err != nil {
		t.Errorf("e2fsck -fn: %v\n%s", err, out)
	}
	command(t, "/sbin/debugfs", "-R", "dump /blocks "+file, raw)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for slot := range int64(crashSlots) {
		flushed := last - (last-slot+crashSlots)%crashSlots // the last number that was said of this slot
		if flushed < 0 || last < slot {
			continue
		}
		if int64(len(b)) < (slot+1)*crashBlock {
			t.Errorf("block %d was flushed; the file has %d bytes", flushed, len(b))
			return
		}
		checkBlock(t, b[slot*crashBlock:][:crashBlock], flushed, last)
	}
}

// checkBlock: a block is whole, and is the one that was flushed; or it is the one that was
// under way, which may be there in part.
func checkBlock(t *testing.T, b []byte, flushed, last int64) {
	t.Helper()
	for w := 0; w < len(b); w += 8 {
		v := int64(binary.LittleEndian.Uint64(b[w:]))
		if v != flushed && (v != flushed+crashSlots || v != last+1) {
			t.Errorf("block %d was flushed, and in its place is %d at %d", flushed, v, w)
			return
		}
	}
}

// copyDisk copies what a guest would see.
func copyDisk(t *testing.T, spec, to string) {
	t.Helper()
	s, err := disk.ParseSpec(spec)
	if err != nil {
		t.Fatal(err)
	}
	s.ReadOnly = true
	d, err := disk.Open(s, disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	f, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.Copy(f, io.NewSectionReader(reader{d}, 0, d.Size())); err != nil {
		t.Fatal(err)
	}
}
