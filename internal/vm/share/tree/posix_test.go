package tree

import (
	"io"
	"log"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fuse"
	"github.com/hanwen/go-fuse/v2/posixtest"
	"golang.org/x/sys/unix"
)

// TestPosix mounts a tree by /dev/fuse and runs go-fuse's own tests of POSIX on it, in a mount namespace of its own.
func TestPosix(t *testing.T) {
	const inside = "TEREM_POSIX_INSIDE"
	if os.Geteuid() != 0 || unix.Access("/dev/fuse", unix.R_OK|unix.W_OK) != nil {
		t.Skip("it takes root and /dev/fuse")
	}
	if os.Getenv(inside) == "" {
		c := exec.Command("/proc/self/exe", "-test.run", "^TestPosix$", "-test.v")
		c.Env = append(os.Environ(), inside+"=1")
		c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Unshareflags: syscall.CLONE_NEWNS}
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	d := share(t, Options{})
	mnt := t.TempDir()
	s, err := fuse.NewServer(d.tree, mnt, &fuse.MountOptions{
		DirectMountStrict: true, AllowOther: true, Options: []string{"default_permissions"}, Logger: log.New(io.Discard, "", 0),
		ExtraCapabilities: fuse.CAP_READDIRPLUS_AUTO | fuse.CAP_HANDLE_KILLPRIV_V2, DisableSplice: true,
	})
	if err != nil {
		t.Skip(err)
	}
	go s.Serve()
	d.must(s.WaitMount())
	defer s.Unmount()
	for name, test := range posixtest.All {
		t.Run(name, func(t *testing.T) {
			if name == "FcntlFlockLocksFile" {
				t.Skip("it wants two locks of one process to exclude each other, which is not so on a file system of Linux's own")
			}
			dir := mnt + "/" + name
			d.must(os.Mkdir(dir, 0o777))
			test(t, dir)
		})
	}
}
