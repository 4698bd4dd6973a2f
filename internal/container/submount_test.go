package container

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"terem/internal/fault"

	"golang.org/x/sys/unix"
)

// TestReadOnlyBelow: what is mounted in the root directory comes along when an ordinary
// user starts a container, and is as read-only as the root.
func TestReadOnlyBelow(t *testing.T) {
	needRoot(t)
	root := newRoot(t)
	sub := filepath.Join(root, "sub")
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	const nobody = 65534
	try := func(env ...string) (status int, err error) {
		if err := unix.Mount("none", sub, "tmpfs", 0, "mode=777"); err != nil {
			return 0, err
		}
		p, err := os.StartProcess("/proc/self/exe", []string{holderName, root, "write", "/sub/file"}, &os.ProcAttr{
			Env: env, Files: []*os.File{nil, nil, os.Stderr}, Dir: "/",
			Sys: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}},
		})
		if err != nil {
			return 0, err
		}
		state, err := p.Wait()
		return state.ExitCode(), err
	}
	for _, tt := range []struct {
		env    []string
		status int
	}{{nil, 0}, {[]string{readOnlyRoot}, 1}} {
		inOwnMounts(t, func() {
			status, err := try(tt.env...)
			if status == fault.StatusHost {
				t.Log("no ordinary user may start a container here")
			} else if err != nil || status != tt.status {
				t.Errorf("%v: a write gives status %d, %v; want %d", tt.env, status, err, tt.status)
			}
		})
	}
}
