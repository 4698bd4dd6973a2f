package compare

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"terem/internal/compare/result"
	"terem/internal/machine"
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
	var own *machine.Error
	if !errors.As(err, &own) || own.Class != machine.Host || !strings.Contains(err.Error(), "noexec") {
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
