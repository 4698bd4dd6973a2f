package disk

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func replaceOver(options, path string) string {
	return strings.ReplaceAll(options, "OVER", path+".over")
}

// helperVar makes the test binary do what a test needs a process of its own for.
const helperVar = "TEREM_TEST_HELPER"

func TestMain(m *testing.M) {
	helpers := map[string]func([]string) error{"hold": helpHold, "limit": helpLimit, "space": helpSpace, "number": helpNumber, "slow": helpSlow}
	if f := helpers[os.Getenv(helperVar)]; f != nil {
		if err := f(os.Args[1:]); err != nil {
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

// helpHold opens a disk, says so, and keeps it until its input ends.
func helpHold(args []string) error {
	s, err := ParseSpec(args[0])
	if err != nil {
		return err
	}
	d, err := Open(s, Options{})
	if err != nil {
		return err
	}
	os.Stdout.WriteString("open")
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, d.Close())
}

// outcome is what a helper found out.
type outcome struct {
	Errors []string // of calls
	Told   []string // through OnError
	Intact bool     // what was there before reads as it did
}

// helpLimit writes beyond RLIMIT_FSIZE.
func helpLimit(args []string) error {
	limit := unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	return writeMuch(args[0], 1<<20, 2<<20)
}

// helpSpace writes more than its file system has.
func helpSpace(args []string) error { return writeMuch(args[0], 0, 4<<20) }

// writeMuch writes from off to end in steps and prints the outcome.
func writeMuch(spec string, off, end int64) error {
	s, err := ParseSpec(spec)
	if err != nil {
		return err
	}
	var out outcome
	d, err := Open(s, Options{OnError: func(err error) { out.Told = append(out.Told, err.Error()) }})
	if err != nil {
		return err
	}
	first := bytes.Repeat([]byte{7}, 4096)
	if err := errors.Join(d.WriteVec([][]byte{first}, 0), d.Flush()); err != nil {
		return err
	}
	chunk := [][]byte{bytes.Repeat([]byte{9}, 128<<10)}
	for ; off < end; off += 128 << 10 {
		if err := d.WriteVec(chunk, max(off, 65536)); err != nil {
			out.Errors = append(out.Errors, err.Error())
		}
	}
	got := make([]byte, 4096)
	err = d.ReadVec([][]byte{got}, 0)
	out.Intact = err == nil && bytes.Equal(got, first)
	return errors.Join(json.NewEncoder(os.Stdout).Encode(out), d.Close())
}

func runHelper(t *testing.T, c *exec.Cmd) (out outcome) {
	t.Helper()
	b, err := c.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("%v: %s", err, exit.Stderr)
	}
	if err := errors.Join(err, json.Unmarshal(b, &out)); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestFileLimit: the limit's signal must not end the process.
func TestFileLimit(t *testing.T) {
	out := runHelper(t, helper("limit", rawImage(t, 2<<20, nil)))
	if len(out.Errors) != 8 || !out.Intact || len(out.Told) != 1 || !strings.Contains(out.Told[0], "file too large; the guest sees I/O errors; raise `ulimit -f`") {
		t.Errorf("%+v", out)
	}
}

// TestNoSpace fills a small tmpfs, raw and by an overlay.
func TestNoSpace(t *testing.T) {
	const mount = `mount -t tmpfs -o size=2M none /mnt && truncate -s 4M /mnt/disk && exec "$@"`
	if err := exec.Command("unshare", "-m", "--propagation", "private", "mount", "-t", "tmpfs", "none", "/mnt").Run(); err != nil {
		t.Skipf("mounting needs root: %v", err)
	}
	base := rawImage(t, 4<<20, nil)
	for _, spec := range []string{"/mnt/disk", base + ",overlay=/mnt/over"} {
		h := helper("space", spec)
		c := exec.Command("unshare", append([]string{"-m", "--propagation", "private", "sh", "-c", mount, "sh"}, h.Args...)...)
		c.Env = h.Env
		out := runHelper(t, c)
		want := "no space left on device; the guest sees I/O errors until there is some"
		if len(out.Errors) < 10 || !out.Intact || len(out.Told) != 1 || !strings.Contains(out.Told[0], want) {
			t.Errorf("%s: %+v", spec, out)
		}
	}
}

// TestTruncated cuts images while they are open: errors, no SIGBUS.
func TestTruncated(t *testing.T) {
	for _, options := range []string{"", ",ro", ",overlay=OVER", ",cache=none"} {
		path := rawImage(t, 1<<20, random(t, 1<<20))
		var told []error
		d, err := tryOpen(t, path+replaceOver(options, path), func(err error) { told = append(told, err) })
		if err != nil {
			t.Fatal(err)
		}
		before := read(t, d, 0, 4096)
		if err := os.Truncate(path, 65536); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := d.ReadVec([][]byte{make([]byte, 4096)}, 1<<19); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%q: %v", options, err)
			}
		}
		if !bytes.Equal(read(t, d, 0, 4096), before) {
			t.Errorf("%q: what is left reads otherwise", options)
		}
		if len(told) != 1 {
			t.Fatalf("%q: told %q", options, told)
		}
		wantLine(t, told[0], "disk "+path, "shorter than when it was opened", "do not truncate")
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestReadOnlyFile opens what may not be written, as somebody who is not root.
func TestReadOnlyFile(t *testing.T) {
	if os.Getuid() == 0 {
		const ro = `mount -t tmpfs none /mnt && truncate -s 1M /mnt/disk && mount -o remount,ro /mnt && exec "$@"`
		h := helper("hold", "/mnt/disk")
		c := exec.Command("unshare", append([]string{"-m", "--propagation", "private", "sh", "-c", ro, "sh"}, h.Args...)...)
		c.Env = h.Env
		b, err := c.CombinedOutput()
		if strings.Contains(string(b), "unshare") {
			t.Skipf("%s", b)
		}
		if err == nil {
			t.Fatal("opened for writing")
		}
		wantLine(t, errors.New(string(b)), "disk /mnt/disk", "read-only file system", "add ro")
		return
	}
	path := rawImage(t, 4096, nil)
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	_, err := tryOpen(t, path, nil)
	wantLine(t, err, "permission denied", "add ro")
}

// TestDeviceFile opens a loop device, where there is one.
func TestDeviceFile(t *testing.T) {
	path := rawImage(t, 1<<20, random(t, 1<<20))
	b, err := exec.Command("losetup", "-f", "--show", path).Output()
	if err != nil {
		t.Skipf("no loop device: %v", err)
	}
	dev := strings.TrimSpace(string(b))
	t.Cleanup(func() { exec.Command("losetup", "-d", dev).Run() })
	for _, options := range []string{"", ",cache=none"} {
		d, err := tryOpen(t, dev+options, func(err error) { t.Errorf("told %v", err) })
		if err != nil {
			t.Fatal(err)
		}
		want := read(t, d, 0, 1<<20)
		p := random(t, 8192)
		write(t, d, 512, pieces(p, 512)...)
		copy(want[512:], p)
		if err := errors.Join(d.WriteZeroes(65536, 8192, false), d.WriteZeroes(131072, 4096, true), d.Discard(1<<19, 1<<18), d.Flush()); err != nil {
			t.Error(err)
		}
		clear(want[65536:][:8192])
		clear(want[131072:][:4096])
		copy(want[1<<19:][:1<<18], read(t, d, 1<<19, 1<<18))
		if !bytes.Equal(read(t, d, 0, 1<<20), want) {
			t.Error("the device has something else")
		}
		_, err = tryOpen(t, dev, nil)
		wantLine(t, err, "disk "+dev, "in use by this terem")
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
	if filepath.Dir(dev) != "/dev" {
		t.Errorf("device %q", dev)
	}
}
