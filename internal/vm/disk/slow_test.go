package disk

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// helpSlow uses a disk on a slow file system, which goes away in the middle of a read.
func helpSlow(args []string) error {
	const size = 1 << 20
	fs, err := mountSlow("/mnt", size)
	if err != nil {
		return err
	}
	s, err := ParseSpec(args[0])
	if err != nil {
		return err
	}
	told := make(chan error, 16)
	d, err := Open(s, Options{OnError: func(err error) { told <- err }})
	if err != nil {
		return err
	}
	want, got := bytes.Repeat([]byte("slow but sure.\n\x00"), 2048), make([]byte, 32768)
	if err := errors.Join(d.WriteVec(pieces(want, 4096), 512), d.Flush(), d.ReadVec(pieces(got, 1536), 512)); err != nil {
		return err
	}
	ended := make(chan error)
	for range 2 {
		go func() { ended <- d.ReadVec([][]byte{make([]byte, 4096)}, size/2) }()
	}
	<-fs.held
	<-fs.held
	var out outcome
	// The disk is not held up where the file system is not.
	err = d.ReadVec(pieces(got, 512), 512)
	out.Intact = err == nil && bytes.Equal(got, want) && fs.synced() == 1
	if err := unix.Unmount("/mnt", unix.MNT_FORCE); err != nil && !errors.Is(err, unix.EBUSY) {
		return err
	}
	for range 2 {
		if err := <-ended; err != nil {
			out.Errors = append(out.Errors, err.Error())
		}
	}
	if err = d.Close(); errors.Is(err, unix.ENOTCONN) {
		err = nil // close(2) tells that there is nobody to tell
	}
	close(told)
	for e := range told {
		out.Told = append(out.Told, e.Error())
	}
	return errors.Join(err, json.NewEncoder(os.Stdout).Encode(out))
}

// TestSlow has an image on a file system that is slow, transfers little at a time, and goes
// away: what waits for it becomes an error, and one line.
func TestSlow(t *testing.T) {
	h := helper("slow", "/mnt/disk")
	private := []string{"-m", "--propagation", "private"}
	if err := exec.Command("unshare", append(private, "sh", "-c", "test -c /dev/fuse && mount -t tmpfs none /mnt")...).Run(); err != nil {
		t.Skipf("needs root and FUSE: %v", err)
	}
	c := exec.CommandContext(t.Context(), "unshare", append(private, h.Args...)...)
	c.Env = h.Env
	out := runHelper(t, c)
	if !out.Intact || len(out.Errors) != 2 || len(out.Told) != 1 || !strings.Contains(out.Told[0], "disk /mnt/disk: ") ||
		!strings.Contains(out.Told[0], "the guest sees I/O errors") {
		t.Errorf("%+v", out)
	}
}
