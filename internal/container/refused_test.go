package container

import (
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"terem/internal/fault"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// holdRefused runs a holder to its end on a kernel that answers one system call with an
// error, as older ones and those of stricter hosts do.
func holdRefused(t *testing.T, call uint32, errno unix.Errno, user *syscall.Credential) (out string, status int) {
	t.Helper()
	root := newRoot(t)
	program, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: dataNumber, Size: word},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: call, SkipFalse: 1},
		returnErrno(errno),
		bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW},
	})
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for ever: the filter ends with the thread
		if err := loadFilter(program); err != nil {
			done <- err
			return
		}
		p, err := os.StartProcess("/proc/self/exe", []string{holderName, root, "exit", "0"}, &os.ProcAttr{
			Dir: "/", Files: []*os.File{nil, w, w}, Sys: &syscall.SysProcAttr{Credential: user}})
		w.Close()
		if err == nil {
			var state *os.ProcessState
			state, err = p.Wait()
			status = state.ExitCode()
		}
		done <- err
	}()
	b, err := io.ReadAll(r)
	if err := errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	return string(b), status
}

// TestRefused: what a kernel lacks or refuses is one line that says so, and never a
// container that lacks something.
func TestRefused(t *testing.T) {
	needRoot(t)
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	for _, tt := range []struct {
		name  string
		call  uint32
		errno unix.Errno
		user  *syscall.Credential
		say   []string
	}{
		{"Linux 5.11", unix.SYS_MOUNT_SETATTR, unix.ENOSYS, nil, []string{"mount_setattr", "Linux 5.12"}},
		{"Linux 5.11, a user", unix.SYS_MOUNT_SETATTR, unix.ENOSYS, nobody, []string{"mount_setattr", "Linux 5.12"}},
		{"Linux 5.10", unix.SYS_CLOSE_RANGE, unix.EINVAL, nil, []string{"close_range", "Linux 5.12"}},
		{"Linux 5.5", unix.SYS_OPENAT2, unix.ENOSYS, nil, []string{"Linux 5.12"}},
		{"Linux 5.1", unix.SYS_OPEN_TREE, unix.ENOSYS, nil, []string{"open_tree", "Linux 5.12"}},
		{"no clone3", unix.SYS_CLONE3, unix.ENOSYS, nil, []string{"Linux 5.12"}},
		{"AppArmor", unix.SYS_UNSHARE, unix.EPERM, nobody, []string{"no ordinary user", "apparmor"}},
		{"no seccomp", unix.SYS_SECCOMP, unix.EINVAL, nil, []string{"filter of system calls", "seccomp"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, status := holdRefused(t, tt.call, tt.errno, tt.user)
			line, more, _ := strings.Cut(out, "\n")
			if status != fault.StatusHost || !strings.HasPrefix(line, "error: ") || more != "" {
				t.Errorf("status %d, %q; want %d and one line", status, out, fault.StatusHost)
			}
			for _, s := range tt.say {
				if !strings.Contains(line, s) {
					t.Errorf("%q does not say %q", line, s)
				}
			}
		})
	}
}

// TestExplain: clone3(2) has many reasons to fail. (A filter that denies it would deny a C
// library's threads as well.)
func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		errno      unix.Errno
		privileged bool
		say        string
	}{
		{unix.EINVAL, true, "kind of namespace"},
		{unix.ENOSPC, true, "max_user_namespaces"},
		{unix.EUSERS, false, "max_user_namespaces"},
		{unix.EPERM, true, "CAP_SYS_ADMIN"},
		{unix.EPERM, false, "no ordinary user"},
		{unix.EAGAIN, false, "ulimit -u"},
		{unix.EACCES, true, "chmod a+rx"},
		{unix.ENOSYS, true, "Linux 5.12"},
	} {
		err := explain(&os.PathError{Op: "fork/exec", Path: "/proc/self/exe", Err: tt.errno}, tt.privileged)
		if !strings.Contains(err.Error(), tt.say) {
			t.Errorf("%v, privileged %v: %q does not say %q", tt.errno, tt.privileged, err, tt.say)
		}
	}
	if err := explain(nil, true); err != nil {
		t.Error(err)
	}
}
