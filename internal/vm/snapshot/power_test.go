package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestPowerLoss ends an ext4 file system in the midst of a writer's work, as a loss of power does: what was not synced is gone.
// The snapshot that was made last, or the next one, is there, whole.
func TestPowerLoss(t *testing.T) {
	if testing.Short() {
		t.Skip("mounts a file system again and again")
	}
	private := []string{"-m", "--propagation", "private"}
	try := exec.Command("unshare", append(private, "sh", "-c", "mount -t tmpfs none /mnt && mkdir /mnt/fs && truncate -s 64M /mnt/image && "+
		"mkfs.ext4 -q -F /mnt/image && mount -o loop /mnt/image /mnt/fs && umount /mnt/fs")...)
	if out, err := try.CombinedOutput(); err != nil {
		t.Skipf("no ext4 to be mounted: %v: %s", err, out)
	}
	h := helper("power", "/mnt")
	c := exec.Command("unshare", append(private, h.Args...)...)
	c.Env = h.Env
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// helpPower has a mount namespace of its own.
func helpPower(dir string) error {
	image, at := dir+"/image", dir+"/fs"
	script := fmt.Sprintf("mount -t tmpfs none %s && mkdir %s && truncate -s 64M %s && mkfs.ext4 -q -F %[3]s", dir, at, image)
	if err := run("sh", "-c", script); err != nil {
		return err
	}
	for range 15 {
		if err := losePower(image, at); err != nil {
			return err
		}
	}
	return nil
}

func losePower(image, at string) error {
	if err := run("mount", "-o", "loop", image, at); err != nil {
		return err
	}
	told, err := writeUntilShutdown(at)
	if err := errors.Join(err, run("umount", at), run("mount", "-o", "loop", image, at)); err != nil {
		return err
	}
	got, err := numberOf(at + "/snap")
	if err == nil && got != told && got != told+1 {
		err = fmt.Errorf("snapshot %d is there, and %d was made", got, told)
	}
	return errors.Join(err, run("umount", at))
}

// writeUntilShutdown gives the number of the last snapshot that a writer has told of.
func writeUntilShutdown(at string) (uint64, error) {
	c := helper("loop", at+"/snap")
	out, err := c.StdoutPipe()
	if err = errors.Join(err, c.Start()); err != nil {
		return 0, err
	}
	first := make([]byte, 2) // the number 1 and the end of its line
	_, err1 := io.ReadFull(out, first)
	time.Sleep(time.Duration(rand.IntN(30_000)) * time.Microsecond)
	err2 := shutdown(at)
	rest, err3 := io.ReadAll(out)
	_ = c.Wait() // it failed
	lines := bytes.Fields(append(first, rest...))
	if err := errors.Join(err1, err2, err3); err != nil {
		return 0, err
	}
	return strconv.ParseUint(string(lines[len(lines)-1]), 10, 64)
}

// shutdown ends all that a file system does to its medium, at once (fs/ext4/ioctl.c, EXT4_IOC_SHUTDOWN).
func shutdown(at string) error {
	const (
		request  = 0x8004587d // _IOR('X', 125, __u32)
		noFlush  = 2          // EXT4_GOING_FLAGS_NOLOGFLUSH
		readOnly = unix.O_RDONLY | unix.O_DIRECTORY
	)
	d, err := os.OpenFile(at, readOnly, 0)
	if err != nil {
		return err
	}
	return errors.Join(unix.IoctlSetPointerInt(int(d.Fd()), request, noFlush), d.Close())
}

func run(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %q: %w: %s", name, args, err, out)
	}
	return nil
}
