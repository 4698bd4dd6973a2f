package compare

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/compare/result"
	"terem/internal/fault"
)

// TestHangingRemoval has an engine that does not take its containers away: each of twenty
// would be waited for.
func TestHangingRemoval(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	fakes(t, map[string]string{"crun": `case "$*" in *--version*) echo 1.0; exit;; *delete*) exec sleep 1000;; esac
mkdir "$2/$6"
if grep -q idle "$5/config.json"; then echo idle 1 1; exec sleep 1000; fi
echo start 1 1; rmdir "$2/$6"`})
	o := options(t, "crun")
	o.Quick, o.Groups, o.Patience = false, []string{result.GroupMemory}, time.Second
	begun := time.Now()
	if _, err := run(t, t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > time.Minute {
		t.Errorf("it took %v", took)
	}
}

// TestPrivateDaemon has a dockerd that leaves a file among the temporary ones, as
// containerd does when it is ended, and fails.
func TestPrivateDaemon(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	fakes(t, map[string]string{
		"docker":  `test "$*" = --version && echo 1.0`,
		"dockerd": `echo x >"$TMPDIR/containerd.stacks.log"; echo "fatal: no luck" >&2; exit 1`,
	})
	r, err := run(t, t.Context(), options(t, "process", "docker"))
	if err != nil {
		t.Fatal(err)
	}
	if g := r.Target("docker"); g.State != result.Failing || !strings.Contains(g.Why, "fatal: no luck") {
		t.Errorf("%+v", g)
	}
}

// TestPodmanLocks looks at a /dev/shm of its own: podman leaves none of its locks there.
func TestPodmanLocks(t *testing.T) {
	const variable = "TEREM_TEST_OWN_SHM"
	if os.Getenv(variable) == "" {
		if os.Getuid() != 0 {
			t.Skip("needs root")
		}
		c := exec.Command("unshare", "--mount", "sh", "-c", `mount -t tmpfs none /dev/shm && exec "$@"`, "sh", os.Args[0], "-test.run=^TestPodmanLocks$")
		c.Env = append(os.Environ(), variable+"=1")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	r, err := run(t, t.Context(), options(t, "process", "podman"))
	if err != nil {
		t.Fatal(err)
	}
	if g := r.Target("podman"); g.State != result.Ready {
		t.Skipf("podman does not run here: %+v", g)
	}
	if left := entries(t, "/dev/shm"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestNoExec has a TMPDIR from which no program may run.
func TestNoExec(t *testing.T) {
	o := options(t, "process")
	dir := os.Getenv("TMPDIR")
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // for ever: the mount ends with the thread
		err := errors.Join(unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS), unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
			unix.Mount("none", dir, "tmpfs", unix.MS_NOEXEC, ""))
		if err != nil {
			failed <- err
			return
		}
		_, err = newWorkspace(o)
		failed <- err
	}()
	err := <-failed
	if errors.Is(err, unix.EPERM) {
		t.Skip("needs the right to mount")
	}
	var own *fault.Error
	if !errors.As(err, &own) || own.Class != fault.Host || !strings.Contains(err.Error(), "noexec") {
		t.Errorf("error %v", err)
	}
}

// interrupter ends a comparison when a measure begins.
type interrupter struct {
	quiet
	measure string
	cancel  context.CancelFunc
}

func (p *interrupter) Start(measure, _ string, _, _ int) {
	if measure == p.measure {
		p.cancel()
	}
}

// TestInterruptedDensity: how many there were when the user had enough is no answer.
func TestInterruptedDensity(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := options(t, "process")
	o.Quick, o.Groups, o.Progress = false, []string{result.GroupDensity}, &interrupter{measure: result.GroupDensity, cancel: cancel}
	r, err := run(t, ctx, o)
	if !errors.Is(err, context.Canceled) || r.Find(result.DensityCount, "process", "") != nil {
		t.Errorf("%v: %+v", err, r.Series)
	}
}

// TestDrainInterrupted: Ctrl-C ends the wait for a program of which only the output is
// there to be watched.
func TestDrainInterrupted(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if took, err := drain(ctx, r, time.Minute); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v after %v", err, took)
	}
	if ctx.Err() == nil {
		t.Error("it ended by itself")
	}
}
